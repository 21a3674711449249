"""Keyboard only: the whole job without a mouse, and every control of ours with a name, a place in the order and a ring."""

import time

import pytest
from browser.pages.keyboard import Keyboard
from browser.pages.light_pad import JOB, LightPad
from selenium.webdriver.common.keys import Keys

pytestmark = pytest.mark.same_everywhere


@pytest.fixture
def keyboard(panel):
    return Keyboard(panel)


def open_by_keys(panel, keyboard, relight_css):
    for name, value in JOB.items():
        keyboard.write(f"#txt2img_{name} :is(textarea, input[type=number])", value)
    keyboard.to(f"{relight_css('enabled')}-visible-checkbox")
    keyboard.press(Keys.SPACE)
    if not panel.unfolds(relight_css("enabled")[1:]):
        keyboard.to(f"{relight_css('enabled')} > .label-wrap")
        keyboard.press(Keys.ENTER)
    panel.until(lambda: panel.find(relight_css("light")).is_displayed(), "the open panel")


@pytest.mark.any_page
def test_a_light_is_aimed_previewed_and_generated(panel, keyboard, relight_css, subject):
    pad = LightPad(panel)
    open_by_keys(panel, keyboard, relight_css)
    keyboard.give_file(relight_css("foreground"), subject, "Subject")
    keyboard.choose(relight_css("light"), "left", lambda: pad.field("light"))
    keyboard.to(f"{relight_css('pad')} .relight-pad-handle")
    assert keyboard.name == "Light 1"
    keyboard.press(Keys.ARROW_RIGHT, Keys.ARROW_RIGHT)
    panel.until(lambda: pad.words() == "from 170 degrees", "the turned light")
    pad.fields(light="angle", light_angle=170)
    keyboard.to(f"{relight_css('pad')} [data-action=add]")
    keyboard.press(Keys.ENTER)
    panel.until(lambda: len(pad.find_all(".relight-pad-handle")) == 2, "the second light")
    keyboard.to(f"{relight_css('pad')} [data-action=remove]")
    keyboard.press(Keys.ENTER)
    panel.until(lambda: len(pad.find_all(".relight-pad-handle")) == 1, "one light")
    keyboard.to(relight_css("preview_light"))
    keyboard.press(Keys.ENTER)
    panel.until(lambda: panel.find_all(f"{relight_css('preview_shown')} figure"), "the light map")
    keyboard.to("#txt2img_generate")
    keyboard.press(Keys.ENTER)
    panel.until(lambda: "Relight light: angle, Relight light angle: 170" in panel.infotext_so_far, "the picture")
    assert panel.console_errors() == []


@pytest.mark.any_page
def test_words_presets_and_undo(panel, keyboard, relight_css):
    pad = LightPad(panel)
    open_by_keys(panel, keyboard, relight_css)
    keyboard.to(f"{relight_css('prompts')} .label-wrap")
    keyboard.press(Keys.ENTER)
    keyboard.to(f"{relight_css('words_light')} input")
    keyboard.press(Keys.ARROW_DOWN, Keys.ARROW_DOWN, Keys.ARROW_UP)
    time.sleep(0.5)
    assert panel.value("txt2img_prompt") == "a vase", "arrows choose nothing"
    second = panel.find_all(f"{relight_css('words_light')} input")[1]
    assert panel.driver.switch_to.active_element == second
    keyboard.press(Keys.SPACE)
    panel.until(lambda: panel.value("txt2img_prompt").startswith("a vase, "), "the words")
    keyboard.to(relight_css("undo"))
    keyboard.press(Keys.ENTER)
    panel.until(lambda: panel.value("txt2img_prompt") == "a vase", "the words gone")
    keyboard.choose(relight_css("light"), "top", lambda: pad.field("light"))
    keyboard.to(f"{relight_css('presets')} .label-wrap")
    keyboard.press(Keys.ENTER)
    keyboard.write(f"{relight_css('preset_name')} textarea", "by keys")
    keyboard.to(relight_css("preset_save"))
    keyboard.press(Keys.ENTER)
    panel.until(lambda: panel.find(relight_css("note")).text == "Preset 'by keys' saved.", "the note")
    keyboard.choose(relight_css("light"), "bottom", lambda: pad.field("light"))
    keyboard.choose(relight_css("preset"), "by keys", lambda: pad.field("preset"))
    keyboard.to(relight_css("preset_load"))
    keyboard.press(Keys.ENTER)
    pad.fields(light="top")
    keyboard.to(relight_css("preset_delete"))
    keyboard.press(Keys.ENTER)
    panel.until(lambda: "deleted" in panel.find(relight_css("note")).text, "the note")


def test_an_image_prompt(panel, keyboard, relight_css, subject):
    pad = LightPad(panel)
    open_by_keys(panel, keyboard, relight_css)
    keyboard.to(f"{relight_css('iclight')} input")
    keyboard.press(Keys.SPACE)
    keyboard.to(f"{relight_css('enabled')} .tab-nav button:nth-of-type(2)")
    keyboard.press(Keys.ENTER)
    panel.until(lambda: panel.find(relight_css("unit1_weight")).is_displayed(), "the tab")
    keyboard.to(f"{relight_css('unit1_enabled')} input")
    keyboard.press(Keys.SPACE)
    keyboard.give_file(relight_css("unit1_image"), subject, "Picture")
    keyboard.choose(relight_css("unit1_model"), "ip-adapter", lambda: pad.field("unit1_model"))
    keyboard.write(f"{relight_css('unit1_weight')} input[type=number]", 0.6)
    keyboard.press(Keys.ENTER, held=Keys.CONTROL)
    panel.until(lambda: "ip-adapter" in panel.infotext_so_far and "Relight IP 1 weight: 0.6" in panel.infotext_so_far, "the picture")


def test_every_control_has_a_name_a_place_and_a_ring(panel, keyboard, relight_css, subject):
    """All accordions open, a subject given, a spot on the pad, one tab after the other."""
    open_by_keys(panel, keyboard, relight_css)
    panel.upload(relight_css("foreground")[1:], subject)
    pad = LightPad(panel)
    pad.kind("spot")
    pad.press("add")
    panel.driver.execute_script(OPEN_ALL)
    time.sleep(1)
    nameless, ringless, unreached, dead, count = [], [], [], [], 0
    for number in range(2):
        panel.driver.execute_script(OPEN_TAB, number)
        time.sleep(0.6)
        controls = panel.driver.execute_script(CONTROLS)
        count += len(controls)
        nameless += [shown(control) for control in controls if not control.accessible_name]
        ringless += [shown(control) for control in controls if not panel.driver.execute_script(HAS_RING, control)]
        dead += panel.driver.execute_script(DEAD)
        keyboard.to(f"{relight_css('enabled')} > .label-wrap")
        reached = list(keyboard.stops(relight_css("enabled")))
        unreached += [shown(control) for control in controls
                      if control not in reached and control.get_attribute("type") != "radio"]
    assert count > 80
    assert (nameless, ringless, unreached, dead) == ([], [], [], [])


def shown(element):
    return element.get_attribute("outerHTML")[:200]


OPEN_ALL = """
for (const title of document.querySelectorAll("#script_txt2img_relight_enabled .label-wrap:not(.open)")) title.click();
"""
OPEN_TAB = "document.querySelectorAll('#script_txt2img_relight_enabled .tab-nav button')[arguments[0]].click()"
CONTROLS = """
return [...document.querySelectorAll("#script_txt2img_relight_enabled *")].filter(element =>
    element.tabIndex >= 0 && !element.disabled && element.getClientRects().length && element.type !== "file");
"""
"""What can have the focus and is in sight."""
HAS_RING = """
const ring = element => {
    const style = getComputedStyle(element);
    return style.outlineStyle !== "none" && parseFloat(style.outlineWidth) >= 2;
};
arguments[0].focus({focusVisible: true});
return ring(arguments[0]) || ring(arguments[0].closest("label") || arguments[0]);
"""
DEAD = """
const focusable = "button, input, textarea, a[href], [tabindex='0'], label";
return [...document.querySelectorAll("#script_txt2img_relight_enabled *")].filter(element =>
    element.getClientRects().length && getComputedStyle(element).cursor === "pointer" && !element.closest(focusable)
    && !element.closest(".relight-pad-stage")).map(element => element.outerHTML.slice(0, 200));
"""
"""What looks as if it could be clicked and takes no focus. The pad's stage is the mouse's way; the handles have the keys."""
