"""Relight's panel as a user meets it: open, upload, generate, read, paste back; and the sentence when something is missing."""

import time

import pytest

PANEL = "script_{}_relight_{}"


@pytest.fixture
def relight(panel):
    """relight("light") is the element id of a panel field on the open tab; relight.open() ticks and unfolds the accordion."""
    def elem_id(name):
        return PANEL.format(panel.tab, name)

    def open_panel(tab="txt2img", **changes):
        if tab != panel.tab:
            panel.select_tab(tab)
        for name, value in {"steps": 2, "width": 64, "height": 64, "seed": 7, "prompt": "a vase", **changes}.items():
            panel.fill(f"{tab}_{name}", value)
        panel.open_accordion(elem_id("enabled"))

    elem_id.open = open_panel
    return elem_id


def test_a_missing_subject_is_said_in_the_panels_log(panel, relight):
    relight.open()
    panel.generate()
    assert "`foreground` is missing: txt2img needs the subject's image" in panel.log
    assert panel.pictures() == set()


def test_upload_generate_and_read(panel, relight, subject):
    relight.open()
    panel.upload(relight("foreground"), subject)
    panel.pick(relight("light"), "left")
    panel.generate()
    assert "Relight: \"fc, left, " in panel.infotext
    assert "Relight light: left" in panel.infotext
    assert len(panel.pictures()) > 1, "the picture and its extras"
    untouched = [entry for entry in panel.infotext.split(", ") if entry.startswith("Relight ")]
    assert [entry.split(": ")[0] for entry in untouched] == ["Relight light", "Relight foreground hash"]
    assert "error" not in panel.find("#html_log_txt2img").get_attribute("innerHTML")
    assert panel.console_errors() == []


def test_an_infotext_pasted_into_a_fresh_page_makes_the_same_picture(panel, relight, subject):
    relight.open()
    panel.upload(relight("foreground"), subject)
    panel.pick(relight("light"), "bottom-right")
    panel.fill(relight("reinforce"), 0.25)
    panel.driver.execute_script("document.querySelector(arguments[0]).click()", f"#{relight('more')} .label-wrap")
    panel.fill(relight("light_end"), 40)
    panel.fill(relight("detail"), 0.5)
    panel.fill(relight("color_hold"), 0.35)
    panel.generate()
    infotext = panel.infotext
    assert "Relight reinforce: 0.25" in infotext

    panel.open()
    assert not panel.checked(f"{relight('enabled')}-visible-checkbox")
    panel.paste(infotext)
    panel.until(lambda: panel.checked(f"{relight('enabled')}-visible-checkbox"), "the tick")
    assert panel.value(relight("light")) == "bottom-right"
    assert [panel.value(relight(name)) for name in ("reinforce", "detail", "color_hold")] == ["0.25", "0.5", "0.35"]
    assert (panel.value(relight("light_start")), panel.value(relight("light_end"))) == ("", "40.0")
    panel.upload(relight("foreground"), subject)
    panel.generate()
    assert panel.infotext == infotext


def test_a_picture_that_was_not_relit_switches_the_panel_off(panel, relight):
    relight.open()
    panel.paste("a cup\nSteps: 2, Sampler: Euler, Seed: 1, Size: 64x64")
    panel.until(lambda: not panel.checked(f"{relight('enabled')}-visible-checkbox"), "no tick")
    panel.generate()
    assert "Relight" not in panel.infotext


def test_img2img_uses_its_own_picture(panel, relight, subject):
    relight.open("img2img")
    panel.upload("img2img_image", subject)
    panel.pick(relight("light"), "right")
    panel.generate()
    assert "Relight: \"fc, right, " in panel.infotext


def test_an_image_prompt_is_made_and_pasted_back(panel, relight, subject):
    relight.open()
    panel.click(f"#{relight('iclight')} input")
    panel.tab_of(relight("enabled"), "Picture 1")
    panel.click(f"#{relight('unit1_enabled')} input")
    panel.upload(relight("unit1_image"), subject)
    panel.pick(relight("unit1_model"), "ip-adapter")
    panel.fill(relight("unit1_weight"), 0.6)
    panel.generate()
    infotext = panel.infotext
    assert "Relight: " in infotext and "ip-adapter" in infotext and "fc, " not in infotext

    panel.open()
    panel.paste(infotext)
    panel.until(lambda: panel.checked(f"{relight('enabled')}-visible-checkbox"), "the tick")
    assert not panel.find(f"#{relight('iclight')} input").is_selected()
    assert panel.find(f"#{relight('unit1_enabled')} input").is_selected()
    assert (panel.value(relight("unit1_model")), panel.value(relight("unit1_weight"))) == ("ip-adapter", "0.6")


def test_the_light_map_appears_when_it_is_needed(panel, relight, subject):
    relight.open()
    light_map = panel.find(f"#{relight('light_map')}")
    assert not light_map.is_displayed()
    panel.pick(relight("light"), "custom")
    panel.until(lambda: panel.find(f"#{relight('light_map')}").is_displayed(), "the light map's field")
    panel.upload(relight("foreground"), subject)
    panel.generate()
    assert "`light` is 'custom' but `light_map` is missing" in panel.log


def test_an_open_panel_that_nobody_touches_does_nothing(panel, relight, subject):
    """A component that gradio 4 redraws over and over keeps a core busy: every round tells of changes."""
    relight.open()
    panel.upload(relight("foreground"), subject)
    time.sleep(3)
    panel.driver.execute_script(COUNT_EVENTS)
    time.sleep(1)
    assert panel.driver.execute_script("return window.relightEvents") < 20


COUNT_EVENTS = """
const dispatch = EventTarget.prototype.dispatchEvent;
window.relightEvents = 0;
EventTarget.prototype.dispatchEvent = function (event) { window.relightEvents += 1; return dispatch.call(this, event); };
"""
