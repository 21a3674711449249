"""Keyboard only: a whole job without a mouse; every control has a name, a place in the tab order and a focus ring."""

import pytest
from browser.pages.keyboard import Keyboard
from browser.pages.light_pad import JOB
from selenium.webdriver.common.keys import Keys

pytestmark = pytest.mark.same_everywhere


@pytest.fixture
def keyboard(panel):
    return Keyboard(panel)


def unfold_by_keys(keyboard, pad, section):
    keyboard.to(f"{pad.css(section)} > .label-wrap")
    keyboard.press(Keys.ENTER)


def open_by_keys(keyboard, pad):
    for name, value in JOB.items():
        keyboard.write(f"#txt2img_{name} :is(textarea, input[type=number])", value)
    keyboard.to(f"{pad.css('enabled')} > .label-wrap")
    keyboard.press(Keys.ENTER)
    pad.until_open()
    pad.find(".relight-pad-stage")


@pytest.mark.any_page
def test_a_light_is_aimed_previewed_and_generated(panel, keyboard, pad, subject):
    open_by_keys(keyboard, pad)
    keyboard.give_file(pad.css("foreground"), subject, "Subject")
    unfold_by_keys(keyboard, pad, "numbers")
    keyboard.choose(pad.css("light"), "left", lambda: pad.field("light"))
    keyboard.to(f"{pad.css('pad')} .relight-pad-handle")
    assert keyboard.name == "Light 1"
    keyboard.press(Keys.ARROW_RIGHT, Keys.ARROW_RIGHT)
    panel.until(lambda: pad.words() == "from 170 degrees", "the turned light")
    pad.fields(light="angle", light_angle=170)
    keyboard.to(f"{pad.css('pad')} [data-action=add]")
    keyboard.press(Keys.ENTER)
    panel.until(lambda: len(pad.find_all(".relight-pad-handle")) == 2, "the second light")
    keyboard.to(f"{pad.css('pad')} [data-action=remove]")
    keyboard.press(Keys.ENTER)
    panel.until(lambda: len(pad.find_all(".relight-pad-handle")) == 1, "one light")
    unfold_by_keys(keyboard, pad, "quality")
    keyboard.to(pad.css("preview_light"))
    keyboard.press(Keys.ENTER)
    panel.until(lambda: panel.find_all(f"{pad.css('preview_shown')} figure"), "the light map")
    keyboard.to("#txt2img_generate")
    keyboard.press(Keys.ENTER)
    panel.until(lambda: "Relight light: angle, Relight light angle: 170" in panel.infotext_so_far, "the image")
    assert panel.console_errors() == []


def press_by_keys(keyboard, css):
    keyboard.to(css)
    keyboard.press(Keys.ENTER)


@pytest.mark.any_page
def test_words_presets_and_undo(panel, keyboard, pad):
    open_by_keys(keyboard, pad)
    press_by_keys(keyboard, f"{pad.css('prompts')} .label-wrap")
    keyboard.to(f"{pad.css('words_light')} input")
    keyboard.press(Keys.ARROW_DOWN, Keys.ARROW_DOWN, Keys.ARROW_UP)
    second = panel.find_all(f"{pad.css('words_light')} input")[1]
    assert panel.driver.switch_to.active_element == second
    keyboard.press(Keys.SPACE)
    words = "a vase, sunlight through blinds, striped shadow"
    panel.until(lambda: panel.value("txt2img_prompt") not in ("", "a vase"), "the words")
    assert panel.value("txt2img_prompt") == words, "arrows add nothing"
    press_by_keys(keyboard, pad.css("undo"))
    panel.until(lambda: panel.value("txt2img_prompt") == "a vase", "the words gone")
    unfold_by_keys(keyboard, pad, "numbers")
    keyboard.choose(pad.css("light"), "top", lambda: pad.field("light"))
    press_by_keys(keyboard, f"{pad.css('presets')} .label-wrap")
    keyboard.write(f"{pad.css('preset_name')} textarea", "by keys")
    press_by_keys(keyboard, pad.css("preset_save"))
    pad.until_message("Preset 'by keys' saved.")
    keyboard.choose(pad.css("light"), "bottom", lambda: pad.field("light"))
    keyboard.choose(pad.css("preset"), "by keys", lambda: pad.field("preset"))
    press_by_keys(keyboard, pad.css("preset_load"))
    pad.fields(light="top")
    press_by_keys(keyboard, pad.css("preset_delete"))
    pad.until_message("deleted")


def test_an_image_prompt(panel, keyboard, pad, subject):
    open_by_keys(keyboard, pad)
    keyboard.to(f"{pad.css('iclight')} input")
    keyboard.press(Keys.SPACE)
    keyboard.to(f"{pad.css('enabled')} .tab-nav button:nth-of-type(2)")
    keyboard.press(Keys.ENTER)
    panel.until(lambda: panel.find(pad.css("unit1_weight")).is_displayed(), "the tab")
    keyboard.to(f"{pad.css('unit1_enabled')} input")
    keyboard.press(Keys.SPACE)
    keyboard.give_file(pad.css("unit1_image"), subject, "Image")
    keyboard.choose(pad.css("unit1_model"), "ip-adapter", lambda: pad.field("unit1_model"))
    keyboard.write(f"{pad.css('unit1_weight')} input[type=number]", 0.6)
    keyboard.press(Keys.ENTER, held=Keys.CONTROL)
    panel.until(lambda: "ip-adapter" in panel.infotext_so_far and "Relight IP 1 weight: 0.6" in panel.infotext_so_far, "the image")


def test_every_control_has_a_name_a_place_and_a_ring(panel, keyboard, pad, subject):
    """All accordions open, a subject given, a spot on the pad, one tab after the other."""
    open_by_keys(keyboard, pad)
    panel.upload(pad("foreground"), subject)
    pad.kind("spot")
    pad.press_action("add")
    pad.unfold_all()
    panel.until(lambda: panel.find(pad.css("notices")).text == "2 lights", "the status line")
    nameless, ringless, unreached, dead, count = [], [], [], [], 0
    for number in range(2):
        pad.select_tab(number)
        controls = panel.driver.execute_script(CONTROLS)
        count += len(controls)
        nameless += [html_of(control) for control, name in zip(controls, keyboard.names(controls), strict=True) if not name]
        ringless += [html_of(control) for control in panel.driver.execute_script(RINGLESS, controls)]
        dead += panel.driver.execute_script(DEAD)
        keyboard.to(f"{pad.css('enabled')} > .label-wrap")
        reached = list(keyboard.stops(pad.css("enabled")))
        unreached += [html_of(control) for control in controls
                      if control not in reached and control.get_attribute("type") != "radio"]
    assert count > 80
    assert (nameless, ringless, unreached, dead) == ([], [], [], [])
    assert panel.find_all("input:not([type=range])[aria-valuetext]") == []


def test_the_send_buttons_have_names(panel):
    for target in ("txt2img", "img2img"):
        words = f"Send to Relight: use this image as the subject in {target}."
        for button in panel.find_all(f"[id$=_send_to_relight_{target}]"):
            panel.until(lambda button=button, words=words: button.get_attribute("title") == words, "the tooltip")
            assert button.accessible_name in (words, "")  # "" in the hidden tab


def html_of(element):
    return element.get_attribute("outerHTML")[:200]


CONTROLS = """
return [...document.querySelectorAll("#script_txt2img_relight_enabled *")].filter(element =>
    element.tabIndex >= 0 && !element.disabled && element.checkVisibility() && element.getClientRects().length && element.type !== "file");
"""
"""What can have the focus and is in sight."""
RINGLESS = """
const ring = element => {
    const style = getComputedStyle(element);
    return style.outlineStyle !== "none" && parseFloat(style.outlineWidth) >= 2;
};
return arguments[0].filter(control => {
    control.focus({focusVisible: true});
    return !ring(control) && !ring(control.closest("label") || control);
});
"""
DEAD = """
const focusable = "button, input, textarea, select, summary, a[href], [tabindex='0'], label";
return [...document.querySelectorAll("#script_txt2img_relight_enabled *")].filter(element =>
    element.checkVisibility() && element.getClientRects().length && getComputedStyle(element).cursor === "pointer" && !element.closest(focusable)
    && !element.closest(".relight-pad-stage")).map(element => element.outerHTML.slice(0, 200));
"""
"""What looks as if it could be clicked and takes no focus. The pad's stage is the mouse's way; the handles have the keys."""
