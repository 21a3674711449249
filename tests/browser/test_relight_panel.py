"""The panel: upload, generate, read the result, paste it back; and the message when something is missing."""

import time

import pytest

pytestmark = pytest.mark.once_per_gradio
JOB = {"steps": 2, "width": 64, "height": 64, "seed": 7, "prompt": "a vase"}


def test_a_missing_subject_is_reported_in_the_panels_log(panel, accordion):
    accordion.open(**JOB)
    panel.generate()
    assert "“Subject” is missing: txt2img needs the subject's image" in panel.log
    assert panel.images() == set()


def test_upload_generate_and_read(panel, accordion, subject):
    accordion.open(**JOB)
    panel.upload(accordion("foreground"), subject)
    panel.pick(accordion("light"), "left")
    panel.generate()
    assert "Relight: \"fc, left, " in panel.infotext
    assert "Relight light: left" in panel.infotext
    assert len(panel.images()) > 1, "the image and its extras"
    untouched = [entry for entry in panel.infotext.split(", ") if entry.startswith("Relight ")]
    assert [entry.split(": ")[0] for entry in untouched] == ["Relight light", "Relight foreground hash"]
    assert "error" not in panel.find("#html_log_txt2img").get_attribute("innerHTML")
    assert panel.console_errors() == []


def test_an_infotext_pasted_into_a_fresh_page_reproduces_the_image(panel, accordion, subject):
    accordion.open(**JOB)
    panel.upload(accordion("foreground"), subject)
    panel.pick(accordion("light"), "bottom-right")
    panel.fill(accordion("reinforce"), 0.25)
    panel.fill(accordion("light_end"), 40)
    panel.fill(accordion("detail"), 0.5)
    panel.fill(accordion("color_hold"), 0.35)
    panel.generate()
    infotext = panel.infotext
    assert "Relight reinforce: 0.25" in infotext

    panel.open()
    assert not accordion.is_enabled
    panel.paste(infotext)
    accordion.until_enabled()
    assert panel.value(accordion("light")) == "bottom-right"
    assert [panel.value(accordion(name)) for name in ("reinforce", "detail", "color_hold")] == ["0.25", "0.5", "0.35"]
    assert (panel.value(accordion("light_start")), panel.value(accordion("light_end"))) == ("", "40.0")
    panel.upload(accordion("foreground"), subject)
    panel.generate()
    assert panel.infotext == infotext


def test_pasting_an_infotext_without_relight_disables_the_panel(panel, accordion):
    accordion.open(**JOB)
    panel.paste("a cup\nSteps: 2, Sampler: Euler, Seed: 1, Size: 64x64")
    accordion.until_enabled(False)
    panel.generate()
    assert "Relight" not in panel.infotext


def test_img2img_uses_its_own_image(panel, accordion, subject):
    accordion.open("img2img", **JOB)
    panel.upload("img2img_image", subject)
    panel.pick(accordion("light"), "right")
    panel.generate()
    assert "Relight: \"fc, right, " in panel.infotext


def test_an_image_prompt_is_generated_and_pasted_back(panel, accordion, subject):
    accordion.open(**JOB)
    panel.click(f"#{accordion('iclight')} input")
    accordion.select_tab(1)
    panel.click(f"#{accordion('unit1_enabled')} input")
    panel.upload(accordion("unit1_image"), subject)
    panel.pick(accordion("unit1_model"), "ip-adapter")
    panel.fill(accordion("unit1_weight"), 0.6)
    panel.generate()
    infotext = panel.infotext
    assert "Relight: " in infotext and "ip-adapter" in infotext and "fc, " not in infotext

    panel.open()
    panel.paste(infotext)
    accordion.until_enabled()
    assert not panel.find(f"#{accordion('iclight')} input").is_selected()
    assert panel.find(f"#{accordion('unit1_enabled')} input").is_selected()
    assert (panel.value(accordion("unit1_model")), panel.value(accordion("unit1_weight"))) == ("ip-adapter", "0.6")


def test_the_light_map_appears_when_it_is_needed(panel, accordion, subject):
    accordion.open(**JOB)
    light_map = panel.find(accordion.css("light_map"))
    assert not light_map.is_displayed()
    panel.pick(accordion("light"), "custom")
    panel.until(lambda: panel.find(accordion.css("light_map")).is_displayed(), "the light map's field")
    panel.upload(accordion("foreground"), subject)
    panel.generate()
    assert "“Light” is 'custom' but “Light map” is missing" in panel.log


def test_an_open_panel_that_nobody_touches_does_nothing(panel, accordion, subject):
    """A component that gradio 4 redraws over and over keeps a core busy and dispatches events without end."""
    accordion.open(**JOB)
    panel.upload(accordion("foreground"), subject)
    panel.driver.execute_script(COUNT_EVENTS)

    def events_per_second():
        before = panel.driver.execute_script("return window.relightEvents")
        time.sleep(1)
        return panel.driver.execute_script("return window.relightEvents") - before

    panel.until(lambda: events_per_second() < 20, "a second without events")


COUNT_EVENTS = """
const dispatch = EventTarget.prototype.dispatchEvent;
window.relightEvents = 0;
EventTarget.prototype.dispatchEvent = function (event) { window.relightEvents += 1; return dispatch.call(this, event); };
"""


@pytest.mark.parametrize("name, content, sentence", [
    ("notes.txt", b"a vase", "notes.txt is not an image; choose a PNG, JPEG or WebP file."),
    ("broken.png", b"\x89PNG\r\n\x1a\n no image", "broken.png cannot be read as an image; choose an undamaged PNG, JPEG or WebP file.")])
def test_a_file_that_is_no_image_is_reported_at_its_field(panel, accordion, subject, tmp_path, name, content, sentence):
    accordion.open(**JOB)
    (tmp_path / name).write_bytes(content)
    field = panel.find(accordion.css("foreground") + " input[type=file]")
    field.send_keys(str(tmp_path / name))
    message = panel.find(accordion.css("foreground_column") + " .relight-file-error")
    panel.until(lambda: message.text == sentence, "the sentence")
    assert not panel.find_all(accordion.css("foreground") + " img")
    panel.upload(accordion("foreground"), subject)
    panel.until(lambda: message.text == "", "no sentence")
