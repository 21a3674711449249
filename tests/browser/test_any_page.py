"""What a user does first."""

import numpy as np
import pytest
from browser.pages.light_pad import LightPad

PANEL = "script_{}_relight_{}"
pytestmark = pytest.mark.any_page


def field(panel, name):
    return PANEL.format(panel.tab, name)


def open_relight(panel, **changes):
    for name, value in {"steps": 2, "width": 128, "height": 128, "seed": 7, "prompt": "a vase", **changes}.items():
        panel.fill(f"{panel.tab}_{name}", value)
    panel.open_accordion(field(panel, "enabled"))
    panel.until(lambda: panel.find(f"#{field(panel, 'light')}").is_displayed(), "the open panel")


def test_no_error_on_the_console_when_the_accordion_is_opened(panel):
    open_relight(panel)
    assert panel.console_errors() == []


def test_a_missing_subject_is_said_where_the_result_would_be(panel):
    open_relight(panel)
    panel.generate()
    assert "`foreground` is missing: txt2img needs the subject's image" in panel.log


def test_generate_paste_and_generate_again(panel, subject):
    open_relight(panel)
    panel.upload(field(panel, "foreground"), subject)
    panel.pick(field(panel, "light"), "top-left")
    panel.fill(field(panel, "reinforce"), 0.25)
    panel.generate()
    infotext, picture = panel.infotext, panel.picture()
    assert "Relight light: top-left" in infotext and "Relight reinforce: 0.25" in infotext

    panel.open()
    panel.paste(infotext)
    panel.until(lambda: panel.checked(f"{field(panel, 'enabled')}-visible-checkbox"), "the tick")
    panel.open_accordion(field(panel, "enabled"))
    assert panel.value(field(panel, "light")) == "top-left"
    assert panel.value(field(panel, "reinforce")) == "0.25"
    panel.upload(field(panel, "foreground"), subject)
    panel.generate()
    assert panel.infotext == infotext
    np.testing.assert_array_equal(panel.picture(), picture)


def test_a_light_is_dragged_generated_and_pasted_back(panel, subject):
    pad = LightPad(panel)
    pad.open(width=128, height=128)
    panel.upload(field(panel, "foreground"), subject)
    pad.click_at(0.97, 0.5)
    pad.fields(light="right")
    pad.drag(pad.handle(), 0, 0)
    pad.fields(light="top-left")
    pad.press("add")
    pad.kind("spot")
    pad.drag(pad.handle(2), 0.75, 0.75)
    panel.until(lambda: pad.words(2) == "spot at 75 % across and 75 % down, radius 50 %", "the spot's place")
    panel.until(lambda: '"light_x":0.75,"light_y":0.75' in pad.field("lights"), "the spot in the fields")
    panel.generate()
    infotext, picture = panel.infotext, panel.picture()
    assert "Relight light: top-left" in infotext and 'light_x' in infotext
    assert panel.console_errors() == []

    panel.open()
    panel.paste(infotext)
    panel.until(lambda: panel.checked(f"{field(panel, 'enabled')}-visible-checkbox"), "the tick")
    panel.open_accordion(field(panel, "enabled"))
    panel.until(lambda: pad.find_all(".relight-pad-handle") and pad.words(2) == "spot at 75 % across and 75 % down, radius 50 %",
               "both lights on the pad")
    assert pad.words(1) == "from the top left corner"
    panel.upload(field(panel, "foreground"), subject)
    panel.generate()
    assert panel.infotext == infotext
    np.testing.assert_array_equal(panel.picture(), picture)
