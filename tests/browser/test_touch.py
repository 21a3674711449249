"""Touch only, on a phone: a whole job by taps and drags, and the size of every control."""

import pytest
from browser.pages.finger import WIDTH, Finger, phone_screen
from browser.pages.light_pad import JOB

pytestmark = pytest.mark.same_everywhere


@pytest.fixture(autouse=True)
def phone(chromium):
    """A phone's screen before the page is opened; the tests after this one have their mouse back."""
    with phone_screen(chromium):
        yield


@pytest.fixture
def finger(panel):
    return Finger(panel)


def open_by_taps(finger, pad):
    for name, value in JOB.items():
        finger.write(f"#txt2img_{name} :is(textarea, input[type=number])", value)
    finger.tap(f"{pad.css('enabled')} > .label-wrap", 0.2)
    pad.until_open()
    pad.find(".relight-pad-stage")
    pad.panel.until(lambda: "“Subject” is missing" in pad.panel.find(pad.css("notices")).text, "the status line, which moves the pad")


@pytest.mark.any_page
def test_a_light_is_aimed_previewed_and_generated(panel, finger, pad, subject):
    open_by_taps(finger, pad)
    panel.upload(pad("foreground"), subject)
    pad.until_outlook("Light from the prompt")
    finger.tap(f"{pad.css('pad')} .relight-pad-frame", 0.97, 0.5)
    pad.fields(light="right")
    before = finger.scrolled
    finger.drag(pad.middle(pad.handle()), pad.at(0, 0))
    pad.fields(light="top-left")
    assert finger.scrolled == before, "the page stays where it is while a light is dragged"
    finger.tap(f"{pad.css('pad')} [data-action=add]")
    finger.tap(f"{pad.css('pad')} .relight-pad-kinds label:has([value=spot])")
    panel.until(lambda: '"light":"spot"' in pad.field("lights"), "the spot")
    finger.tap(pad.css("undo"))
    finger.tap(f"{pad.css('pad')} [data-action=remove]")
    pad.fields(lights="")
    finger.tap(f"{pad.css('quality')} > .label-wrap")
    finger.tap(pad.css("preview_light"))
    panel.until(lambda: panel.find_all(f"{pad.css('preview_shown')} figure"), "the light map")
    finger.tap("#txt2img_generate")
    panel.until(lambda: "Relight light: top-left" in panel.infotext_so_far, "the image")


@pytest.mark.any_page
def test_a_tap_right_after_a_swift_drag_counts(panel, finger, pad):
    open_by_taps(finger, pad)
    for count in range(1, 5):
        finger.tap(f"{pad.css('pad')} [data-action=add]")
        finger.drag(pad.middle(pad.handle(count)), pad.at(0.1 * count, 0.95))


@pytest.mark.any_page
def test_a_finger_beside_the_handle_scrolls_the_page(panel, finger, pad):
    open_by_taps(finger, pad)
    finger.tap(f"{pad.css('pad')} .relight-pad-frame", 0.97, 0.5)
    pad.fields(light="right")
    before = finger.scrolled
    x, y = pad.at(0.3, 0.9)
    finger.drag([x, y], [x, y - 200])
    panel.until(lambda: finger.scrolled > before + 50, "the page scrolled")
    pad.fields(light="right")


def save_load_and_delete_a_preset(finger, pad):
    finger.tap(f"{pad.css('presets')} > .label-wrap")
    finger.write(f"{pad.css('preset_name')} textarea", "by finger")
    finger.tap(pad.css("preset_save"))
    pad.until_message("Preset 'by finger' saved.")
    finger.tap(f"{pad.css('pad')} .relight-pad-frame", 0.97, 0.5)
    pad.fields(light="right")
    finger.tap(pad.css("preset_load"))
    pad.fields(light="none")
    finger.tap(pad.css("preset_delete"))
    pad.until_message("deleted")


def test_words_presets_and_an_image_prompt(panel, finger, pad, subject):
    open_by_taps(finger, pad)
    finger.tap(f"{pad.css('prompts')} > .label-wrap")
    finger.tap(f"{pad.css('words_light')} label:nth-of-type(2)")
    panel.until(lambda: panel.value("txt2img_prompt").startswith("a vase, "), "the words")
    finger.tap(pad.css("undo"))
    panel.until(lambda: panel.value("txt2img_prompt") == "a vase", "the words gone")
    save_load_and_delete_a_preset(finger, pad)
    finger.tap(f"{pad.css('iclight')} input")
    panel.until(lambda: not panel.find(f"{pad.css('iclight')} input").is_selected(), "IC-Light off")
    panel.until(lambda: "“Subject” is missing" not in panel.find(pad.css("notices")).text, "the status line, which moves the tabs")
    finger.tap(f"{pad.css('enabled')} .tab-nav button:nth-of-type(2)")
    panel.until(lambda: panel.find(pad.css("unit1_weight")).is_displayed(), "the tab")
    finger.tap(f"{pad.css('unit1_enabled')} input")
    panel.until(lambda: panel.find(f"{pad.css('unit1_enabled')} input").is_selected(), "the unit on")
    panel.upload(pad("unit1_image"), subject)
    pad.until_outlook("1 image prompt (linear)")
    finger.tap(f"{pad.css('unit1_model')} input")
    finger.tap(f"{pad.css('unit1_model')} ul.options li:last-of-type")
    panel.until(lambda: pad.field("unit1_model"), "the model")
    finger.tap("#txt2img_generate")
    panel.until(lambda: panel.infotext_so_far or panel.find_all("#html_log_txt2img .error"), "the end of the job")
    assert "Relight IP 1 model: " in panel.infotext_so_far, panel.log


def test_every_control_has_room_for_a_finger_and_the_page_its_width(panel, finger, pad, subject):
    open_by_taps(finger, pad)
    panel.upload(pad("foreground"), subject)
    pad.until_outlook("Light from the prompt")
    finger.tap(f"{pad.css('pad')} .relight-pad-kinds label:has([value=spot])")
    pad.fields(light="spot")
    pad.unfold_all()
    small, count = [], 0
    for number in (1, 0):
        finger.tap(f"{pad.css('enabled')} .tab-nav button:nth-of-type({number + 1})")
        pad.until_tab(number)
        boxes = panel.driver.execute_script(BOXES)
        count += len(boxes)
        small += [box for box in boxes if min(box[:2]) < 24]
    assert count > 150
    assert small == []
    assert panel.driver.execute_script("return document.documentElement.scrollWidth") <= WIDTH


BOXES = """
return [...document.querySelectorAll("#script_txt2img_relight_enabled :is(button, input, textarea, [role=button], [role=slider], "
    + ".relight-pad-grip)")].filter(element => element.getClientRects().length && element.type !== "file").map(element => {
    const labelled = ["radio", "checkbox"].includes(element.type) && element.closest("label");
    const box = (labelled || element).getBoundingClientRect();
    const round = element.matches(".relight-pad-handle, .relight-pad-grip") ? 20 : 0;
    return [box.width + round, box.height + round, element.outerHTML.slice(0, 150)];
});
"""
"""[width, height, what]; a tick's label is pressed as well, and the pad's handles take touches 10 px around them."""
