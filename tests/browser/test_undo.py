"""One history for the whole panel: lights, fields, images and one-click settings are undone and redone in their order."""

import pytest
from selenium.webdriver import Keys

pytestmark = [pytest.mark.any_page, pytest.mark.once_per_gradio]


def restored(panel, accordion, button, *parts):
    """Press a button of the history; the message line names what it restored."""
    panel.click(accordion.css(button))
    panel.until(lambda: all(part in accordion.message for part in parts), f"{parts} in {accordion.message!r}")


def change_something_of_every_kind(panel, pad, subject):
    """Two lights, two images, a field, and what setting up for the subject changes. Returns the CFG scale of before."""
    cfg_scale = panel.value("txt2img_cfg_scale")
    assert not panel.find(pad.css("undo")).is_enabled()
    pad.kind("left")
    pad.fields(light="left")
    panel.upload(pad("foreground"), subject)
    pad.until_message("Set for relighting: ")
    assert panel.value("txt2img_cfg_scale") == "2" != cfg_scale
    pad.kind("top")
    panel.fill(pad("reinforce"), 0.5)
    pad.fields(reinforce=0.5)
    pad.select_tab(1)
    panel.upload(pad("unit1_image"), subject)
    panel.until(lambda: panel.find(f"{pad.css('unit1_enabled')} input").is_selected(), "the enabled unit")
    return cfg_scale


def test_changes_of_every_kind_are_undone_in_their_order(panel, pad, subject):
    images = {name: pad.css(f"{name} img") for name in ("foreground", "unit1_image")}
    pad.open(prompt="a vase")
    cfg_scale = change_something_of_every_kind(panel, pad, subject)
    restored(panel, pad, "undo", "Image 1: Image")
    panel.until(lambda: not panel.find_all(images["unit1_image"]), "no image")
    pad.select_tab(0)
    restored(panel, pad, "undo", "Keep subject colours")
    pad.fields(reinforce=0)
    restored(panel, pad, "undo", "Restored: Light.")
    pad.fields(light="left")
    restored(panel, pad, "undo", "Restored: cfg.")
    panel.until(lambda: panel.value("txt2img_cfg_scale") == cfg_scale, "the scale before")
    restored(panel, pad, "undo", "Restored: Subject.")
    panel.until(lambda: not panel.find_all(images["foreground"]), "no subject")
    restored(panel, pad, "undo", "Restored: Light.")
    pad.fields(light="none")
    assert not panel.find(pad.css("undo")).is_enabled()

    for part in ("Light.", "Subject.", "cfg.", "Light.", "Keep subject colours", "Image 1: Image"):
        restored(panel, pad, "redo", "Redone: ", part)
    panel.until(lambda: all(panel.find_all(css) for css in images.values()), "both images")
    pad.fields(light="top", reinforce=0.5)
    assert panel.value("txt2img_cfg_scale") == "2" and not panel.find(pad.css("redo")).is_displayed()
    pad.handle().click()
    pad.keys("z", held=Keys.CONTROL)
    panel.until(lambda: not panel.find_all(images["unit1_image"]), "the last image undone by the pad's key")
    assert panel.console_errors() == []


HOLD_READING = """
const own = relight.fields.get, released = new Promise((resolve) => (window.release = resolve));
relight.fields.get = (tab, ...channel) => (channel.length ? own(tab, ...channel) : released.then(() => own(tab)));
"""
"""Nothing reads all fields before window.release()."""


def test_a_subject_given_before_the_first_look_is_undone(panel, pad, subject):
    panel.driver.execute_script(HOLD_READING)
    pad.open(prompt="a vase")
    panel.upload(pad("foreground"), subject)
    panel.driver.execute_script("release()")
    pad.until_message("Set for relighting: ")
    restored(panel, pad, "undo", "Restored: cfg.")
    restored(panel, pad, "undo", "Restored: Subject.")
    panel.until(lambda: not panel.find_all(pad.css("foreground img")), "no subject")
