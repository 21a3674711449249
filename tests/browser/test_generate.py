"""Generate pressed right after a change: the job runs with what the panel shows. Each case is one task of the page."""

import pytest

pytestmark = [pytest.mark.any_page, pytest.mark.once_per_gradio]

GENERATE = "document.querySelector('#txt2img_generate').click();"
SLIDE = "const input = document.querySelector('.relight-pad [data-setting={name}] input'); input.value = {value}; " \
        "input.dispatchEvent(new Event('input'));"
TYPE = """
const field = document.querySelector('#script_txt2img_relight_light_end :is(textarea, input)');
const prototype = field.tagName === "TEXTAREA" ? HTMLTextAreaElement.prototype : HTMLInputElement.prototype;
Object.getOwnPropertyDescriptor(prototype, "value").set.call(field, "77");
field.dispatchEvent(new Event("input", {bubbles: true}));
"""


def press(pad, change):
    """Change something and press Generate in the same task, as the fastest hotkey would. Returns the job's infotext."""
    pad.panel.generate(lambda: pad.script(change + GENERATE))
    return pad.panel.infotext


def test_what_is_on_the_pad_and_in_the_fields_is_what_runs(pad, subject):
    pad.open(width=64, height=64)
    pad.panel.upload(pad("foreground"), subject)
    pad.panel.pick(pad("matting"), "none")
    assert "Relight light: top, " in press(pad, "pad.add({light: 'top'});") + ", "
    assert "Relight light color: 2700K" in press(pad, SLIDE.format(name="kelvin", value=2700))
    assert "Relight intensity: 0.5" in press(pad, SLIDE.format(name="intensity", value=0.5))
    dragged = press(pad, "pad.drag = {}; pad.change({...pad.selected, light: 'left'}); pad.change({...pad.selected, light: 'bottom'});")
    assert "Relight light: bottom, " in dragged
    pad.script("pad.drag = null")
    assert "Relight light end: 77" in press(pad, TYPE)
    assert pad.panel.console_errors() == []
