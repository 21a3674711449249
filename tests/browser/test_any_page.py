"""A first job with the panel: open, generate, paste back, and a light dragged on the pad."""

import numpy as np
import pytest

pytestmark = pytest.mark.any_page
JOB = {"steps": 2, "width": 128, "height": 128, "seed": 7, "prompt": "a vase"}


def test_opening_the_accordion_logs_no_error(panel, accordion):
    accordion.open(**JOB)
    assert panel.console_errors() == []


def test_a_missing_subject_is_reported_in_the_log(panel, accordion):
    accordion.open(**JOB)
    panel.generate()
    assert "“Subject” is missing: txt2img needs the subject's image" in panel.log


def test_generate_paste_and_generate_again(panel, accordion, subject):
    accordion.open(**JOB)
    panel.upload(accordion("foreground"), subject)
    panel.pick(accordion("light"), "top-left")
    panel.fill(accordion("reinforce"), 0.25)
    panel.generate()
    infotext, image = panel.infotext, panel.image()
    assert "Relight light: top-left" in infotext and "Relight reinforce: 0.25" in infotext

    panel.open()
    panel.paste(infotext)
    accordion.until_enabled()
    accordion.unfold()
    assert panel.value(accordion("light")) == "top-left"
    assert panel.value(accordion("reinforce")) == "0.25"
    panel.upload(accordion("foreground"), subject)
    panel.generate()
    assert panel.infotext == infotext
    np.testing.assert_array_equal(panel.image(), image)


def test_a_light_is_dragged_generated_and_pasted_back(panel, pad, subject):
    pad.open(width=128, height=128)
    panel.upload(pad("foreground"), subject)
    pad.click_at(0.97, 0.5)
    pad.fields(light="right")
    pad.drag(pad.handle(), 0, 0)
    pad.fields(light="top-left")
    pad.press_action("add")
    pad.kind("spot")
    pad.drag(pad.handle(2), 0.75, 0.75)
    panel.until(lambda: pad.words(2) == "spot at 75 % across and 75 % down, radius 50 %", "the spot's place")
    panel.until(lambda: '"light_x":0.75,"light_y":0.75' in pad.field("lights"), "the spot in the fields")
    panel.generate()
    infotext, image = panel.infotext, panel.image()
    assert "Relight light: top-left" in infotext and 'light_x' in infotext
    assert panel.console_errors() == []

    panel.open()
    panel.paste(infotext)
    pad.until_enabled()
    pad.unfold()
    panel.until(lambda: pad.find_all(".relight-pad-handle") and pad.words(2) == "spot at 75 % across and 75 % down, radius 50 %",
               "both lights on the pad")
    assert pad.words(1) == "from the top left corner"
    panel.upload(pad("foreground"), subject)
    panel.generate()
    assert panel.infotext == infotext
    np.testing.assert_array_equal(panel.image(), image)
