"""A user's jobs on a screen of 1280x720: the actions that each takes, and what it gives."""

import numpy as np
import pytest
from selenium.webdriver.common.action_chains import ActionChains

pytestmark = [pytest.mark.once_per_gradio, pytest.mark.usefixtures("small_screen")]
JOB = {"steps": 2, "width": 64, "height": 64, "seed": 7}
SET_UP = ("width", "height", "cfg_scale", "steps")
COUNT = """
window.userActions = 0;
addEventListener("pointerdown", (event) => { userActions += event.isTrusted; }, true);
addEventListener("change", (event) => { userActions += event.target.type === "file"; }, true);
addEventListener("input", (event) => { userActions += event.target.type === "color"; }, true);
"""


def open_section(panel, accordion, name):
    """Open one of the closed sections below the tabs, as a user does."""
    panel.click(f"#{accordion(name)} > .label-wrap")


def start(panel, tab, **controls):
    """Set a tab's controls, then count the user's actions: presses, chosen files and chosen colours."""
    if tab != panel.tab:
        panel.select_tab(tab)
    for name, value in controls.items():
        panel.fill(f"{tab}_{name}", value)
    panel.driver.execute_script(COUNT)


def actions(panel):
    return panel.driver.execute_script("return window.userActions")


def controls(panel, names):
    return {name: panel.value(f"{panel.tab}_{name}") for name in names}


def undo(panel, accordion, before):
    """Press Undo for the light and for the settings; the host's controls are what they were before."""
    panel.click(accordion.css("undo"))
    accordion.until_message("Restored: Light.")
    panel.click(accordion.css("undo"))
    panel.until(lambda: controls(panel, before) == before, f"{before} again")


def click_pad(pad, u, v):
    """Click the pad once the settings for the subject have come, whose message may move it."""
    pad.until_message("Set for relighting: ")
    pad.panel.until(lambda: pad.script("return !pad.frame"), "the drawn pad")
    pad.panel.until_painted()
    pad.scroll_into_view()
    pad.click_at(u, v)


@pytest.mark.any_page
def test_a_light_on_the_img2img_image(panel, pad, subject):
    """Upload, tick Relight, click the pad, Generate; size, CFG scale, steps and strength set themselves."""
    start(panel, "img2img")
    before = controls(panel, ("cfg_scale", "steps", "denoising_strength"))
    panel.upload("img2img_image", subject)
    pad.unfold()
    pad.until_message("Set for relighting: ")
    panel.until(lambda: controls(panel, SET_UP) == {"width": "512", "height": "512", "cfg_scale": "2", "steps": "25"}, "its settings")
    for name, value in JOB.items():  # for the time of the test only
        panel.fill(f"img2img_{name}", value)
    click_pad(pad, 0.03, 0.5)
    panel.generate()
    assert actions(panel) == 4
    assert "CFG scale: 2, " in panel.infotext and "Denoising strength: 0.95" in panel.infotext
    assert 'Relight: "fc, left' in panel.infotext
    undo(panel, pad, before)


@pytest.mark.any_page
def test_a_warm_light_at_the_top_right_and_a_blue_spot(panel, pad, subject):
    start(panel, "img2img", **JOB)
    panel.upload("img2img_image", subject)
    pad.unfold()
    click_pad(pad, 0.97, 0.03)
    pad.until_outlook("1 light from the top right corner")
    kelvin = pad.find("[data-setting=kelvin] input")
    ActionChains(panel.driver, duration=20).move_to_element_with_offset(kelvin, round(-0.4 * kelvin.rect["width"]), 0).click().perform()
    panel.click(f"{pad.root} [data-action=add]")
    panel.click(f"{pad.root} .relight-pad-kinds label:has([value=spot])")
    pad.setting("color", "#3060ff")
    panel.until(lambda: pad.find("[data-setting=kelvin] output").text == "custom", "the drawn colour")
    pad.until_outlook("2 lights")
    panel.generate()
    assert actions(panel) == 8
    assert "Relight light: top-right, Relight light color: " in panel.infotext, panel.infotext
    assert '\\"light_color\\": \\"#3060ff\\"' in panel.infotext, panel.infotext
    assert panel.console_errors() == []


@pytest.mark.any_page
def test_a_light_with_hires(panel, pad, subject):
    start(panel, "txt2img", prompt="a vase", **JOB)
    pad.unfold()
    panel.upload(pad("foreground"), subject)
    click_pad(pad, 0.03, 0.5)
    panel.click("#txt2img_hr-visible-checkbox")
    panel.fill("txt2img_hires_steps", JOB["steps"])  # for the time of the test only
    pad.until_outlook("1 light from the left")
    panel.generate()
    assert actions(panel) == 5
    assert "Relight light: left" in panel.infotext and "condition 8x8 and 16x16" in panel.infotext and "Hires upscale: 2" in panel.infotext


@pytest.mark.any_page
def test_an_own_background(panel, accordion, subject, photo):
    start(panel, "img2img", **JOB)
    panel.upload("img2img_image", subject)
    accordion.unfold()
    panel.upload(accordion("background"), photo)
    accordion.until_outlook("Light from the prompt · New background")
    panel.generate()
    assert actions(panel) == 4
    assert 'Relight: "fbc, none, ' in panel.infotext and "Relight background hash: " in panel.infotext


@pytest.mark.any_page
@pytest.mark.usefixtures("image_prompts")
def test_the_style_of_an_image(panel, accordion, photo):
    start(panel, "txt2img", prompt="a vase", **JOB)
    accordion.unfold()
    panel.click(f"{accordion.css('iclight')} input")
    accordion.select_tab(1)
    panel.upload(accordion("unit1_image"), photo)
    panel.pick(accordion("unit1_weight_type"), "style transfer")
    accordion.until_outlook("1 image prompt (style transfer)")
    panel.generate()
    assert actions(panel) == 7
    assert "Relight: " in panel.infotext and "style transfer" in panel.infotext and '"fc' not in panel.infotext, panel.infotext


@pytest.mark.any_page
def test_a_preset_after_a_reload(panel, pad, subject):
    start(panel, "txt2img")
    pad.unfold()
    pad.scroll_into_view()
    pad.click_at(0.5, 0.03)
    open_section(panel, pad, "presets")
    panel.fill(pad("preset_name"), "light of a job")
    panel.click(pad.css("preset_save"))
    pad.until_message("Preset 'light of a job' saved.")
    assert actions(panel) == 4

    panel.open()
    start(panel, "txt2img", prompt="a vase", **JOB)
    pad.unfold()
    panel.upload(pad("foreground"), subject)
    pad.until_message("Set for relighting: ")
    open_section(panel, pad, "presets")
    panel.pick(pad("preset"), "light of a job")
    panel.click(pad.css("preset_load"))
    pad.until_outlook("1 light from above")
    panel.generate()
    assert actions(panel) == 7
    assert 'Relight: "fc, top, ' in panel.infotext
    panel.click(pad.css("undo"))
    pad.until_outlook("Light from the prompt")
    panel.click(pad.css("preset_delete"))
    pad.until_message("Preset 'light of a job' deleted.")


def generate_from_the_left(panel, pad, subject):
    """Four actions in txt2img: upload, tick Relight, click the pad, Generate."""
    start(panel, "txt2img", prompt="a vase", **JOB)
    pad.unfold()
    panel.upload(pad("foreground"), subject)
    click_pad(pad, 0.03, 0.5)
    pad.until_outlook("1 light from the left")
    panel.generate()


@pytest.mark.any_page
def test_an_infotext_is_pasted_and_generated_again(panel, pad, subject):
    generate_from_the_left(panel, pad, subject)
    infotext, image = panel.infotext, panel.image()
    assert actions(panel) == 4

    panel.open()
    start(panel, "txt2img")
    panel.paste(infotext)
    pad.until_enabled()
    pad.unfold()
    panel.upload(pad("foreground"), subject)
    panel.generate()
    assert actions(panel) in (3, 4), "some hosts open the accordion by themselves"
    assert panel.infotext == infotext
    np.testing.assert_array_equal(panel.image(), image)


@pytest.mark.any_page
def test_a_result_in_another_light(panel, pad, subject):
    generate_from_the_left(panel, pad, subject)
    panel.fill("txt2img_prompt", "something else")
    panel.click("#txt2img_send_to_relight_img2img")
    panel.until_tab("img2img")
    pad.until_enabled()
    pad.until_message("Set for relighting: ")
    assert controls(panel, ("prompt", "seed", "width", "height")) == {"prompt": "a vase", "seed": "7", "width": "64", "height": "64"}
    panel.fill("img2img_steps", JOB["steps"])  # for the time of the test only
    panel.driver.execute_script("relight.fields.set('img2img', {matting: 'none'})")
    pad.until_open()
    click_pad(pad, 0.97, 0.5)
    pad.until_outlook("1 light from the right")
    panel.generate()
    assert actions(panel) == 7
    assert panel.infotext.startswith("a vase") and "Seed: 7, " in panel.infotext and 'Relight: "fc, right, ' in panel.infotext
