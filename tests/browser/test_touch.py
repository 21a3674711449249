"""Touch only, on a phone: the whole job by taps and drags, and room for a finger on every control."""

import time

import pytest
from browser.finger import WIDTH, Finger
from browser.pad import LightPad

pytestmark = pytest.mark.same_everywhere


@pytest.fixture
def finger(panel):
    """On a phone's page; the tests after this one have their mouse back."""
    finger = Finger(panel)
    finger.put_on()
    panel.open()
    yield finger
    finger.take_off()


@pytest.fixture
def relight(panel):
    return lambda name: f"#script_{panel.tab}_relight_{name}"


@pytest.fixture
def pad(panel):
    return LightPad(panel)


def open_by_taps(panel, finger, relight):
    for name, value in {"prompt": "a vase", "steps": 2, "width": 128, "height": 96, "seed": 7}.items():
        finger.write(f"#txt2img_{name} :is(textarea, input[type=number])", value)
    finger.tap(f"{relight('enabled')}-visible-checkbox")
    if not panel.unfolds(relight("enabled")[1:]):
        finger.tap(f"{relight('enabled')} > .label-wrap")
    panel.until(lambda: panel.find(f"{relight('pad')} .relight-pad-stage").is_displayed(), "the open panel")


def infotext(panel):
    shown = panel.find_all("#html_info_txt2img p")
    return shown[0].get_attribute("innerText") if shown else ""


@pytest.mark.any_page
def test_a_light_is_aimed_previewed_and_generated(panel, finger, relight, pad, subject):
    open_by_taps(panel, finger, relight)
    panel.upload(relight("foreground")[1:], subject)
    finger.tap(f"{relight('pad')} .relight-pad-frame", 0.97, 0.5)
    pad.fields(light="right")
    before = finger.scrolled
    finger.drag(pad.middle(pad.handle()), pad.at(0, 0))
    pad.fields(light="top-left")
    assert finger.scrolled == before, "the page stays where it is while a light is dragged"
    finger.tap(f"{relight('pad')} [data-action=add]")
    finger.tap(f"{relight('pad')} .relight-pad-kinds label:has([value=spot])")
    panel.until(lambda: '"light":"spot"' in pad.field("lights"), "the spot")
    finger.tap(f"{relight('pad')} [data-action=undo]")
    finger.tap(f"{relight('pad')} [data-action=remove]")
    pad.fields(lights="")
    finger.tap(relight("preview_light"))
    panel.until(lambda: panel.find_all(f"{relight('preview_shown')} figure"), "the light map")
    finger.tap("#txt2img_generate")
    panel.until(lambda: "Relight light: top-left" in infotext(panel), "the picture")


@pytest.mark.any_page
def test_a_finger_beside_the_handle_scrolls_the_page(panel, finger, relight, pad):
    open_by_taps(panel, finger, relight)
    finger.tap(f"{relight('pad')} .relight-pad-frame", 0.97, 0.5)
    pad.fields(light="right")
    before = finger.scrolled
    x, y = pad.at(0.3, 0.9)
    finger.drag([x, y], [x, y - 200])
    panel.until(lambda: finger.scrolled > before + 50, "the page scrolled")
    pad.fields(light="right")


def test_words_presets_and_an_image_prompt(panel, finger, relight, pad, subject):
    open_by_taps(panel, finger, relight)
    finger.tap(f"{relight('prompts')} > .label-wrap")
    finger.tap(f"{relight('words_light')} label:nth-of-type(2)")
    panel.until(lambda: panel.value("txt2img_prompt").startswith("a vase, "), "the words")
    finger.tap(relight("undo"))
    panel.until(lambda: panel.value("txt2img_prompt") == "a vase", "the words gone")
    finger.tap(f"{relight('presets')} > .label-wrap")
    finger.write(f"{relight('preset_name')} textarea", "by finger")
    finger.tap(relight("preset_save"))
    panel.until(lambda: panel.find(relight("note")).text == "Preset 'by finger' is saved.", "the note")
    finger.tap(f"{relight('pad')} .relight-pad-frame", 0.97, 0.5)
    pad.fields(light="right")
    finger.tap(relight("preset_load"))
    pad.fields(light="none")
    finger.tap(relight("preset_delete"))
    panel.until(lambda: "is deleted" in panel.find(relight("note")).text, "the note")
    finger.tap(f"{relight('iclight')} input")
    panel.until(lambda: not panel.find(f"{relight('iclight')} input").is_selected(), "IC-Light off")
    finger.tap(f"{relight('enabled')} .tab-nav button:nth-of-type(2)")
    panel.until(lambda: panel.find(relight("unit1_weight")).is_displayed(), "the tab")
    finger.tap(f"{relight('unit1_enabled')} input")
    panel.until(lambda: panel.find(f"{relight('unit1_enabled')} input").is_selected(), "the unit on")
    panel.upload(relight("unit1_image")[1:], subject)
    finger.tap(f"{relight('unit1_model')} input")
    finger.tap(f"{relight('unit1_model')} ul.options li:last-of-type")
    panel.until(lambda: pad.field("unit1_model"), "the model")
    finger.tap("#txt2img_generate")
    panel.until(lambda: infotext(panel) or panel.find_all("#html_log_txt2img .error"), "the end of the job")
    assert "Relight IP 1 model: " in infotext(panel), panel.log


def test_every_control_has_room_for_a_finger_and_the_page_its_width(panel, finger, relight, pad, subject):
    open_by_taps(panel, finger, relight)
    panel.upload(relight("foreground")[1:], subject)
    finger.tap(f"{relight('pad')} .relight-pad-kinds label:has([value=spot])")
    pad.fields(light="spot")
    panel.driver.execute_script("for (const title of document.querySelectorAll("
                                "'#script_txt2img_relight_enabled .label-wrap:not(.open)')) title.click()")
    small, count = [], 0
    for number in (2, 1):
        finger.tap(f"{relight('enabled')} .tab-nav button:nth-of-type({number})")
        time.sleep(0.6)
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
