"""The section Models: a missing file is fetched from a server that plays the hub, found, and used, without a reload of the page."""

import pytest
from browser.pages.accordion import Accordion
from browser.stage import FACE, FC
from sd_relight.lib_relight.models.integrity import STAGING

pytestmark = pytest.mark.once_per_gradio


@pytest.fixture
def panel(staged_panel, own_models, staged, hub):
    """The page of a host without fc, which lies on the hub."""
    (own_models / staged.stage.fc.name).unlink()
    hub.how, hub.content, hub.asked = "", staged.stage.content, []
    return staged_panel


def seen(panel, css):
    """The text of an element that the page may draw anew at any time."""
    return panel.driver.execute_script("return document.querySelector(arguments[0])?.innerText || ''", css)


def line(accordion, name, css=""):
    """Selector of the first line of a file, or of a part of it."""
    return f"{accordion.css('models')} .relight-model[data-name='{name}'] {css}".strip()


def size(byte_count):
    """As the page writes it."""
    return f"{byte_count / 1e9:.1f} GB" if byte_count >= 1e9 else f"{round(byte_count / 1e6)} MB"


def ask_for_a_light(panel, accordion, subject):
    """Give a subject and a light, for which the model is missing."""
    accordion.open(prompt="a vase", steps=2, width=64, height=64, seed=7)
    panel.upload(accordion("foreground"), subject)
    panel.driver.execute_script("relight.fields.set('txt2img', {light: 'left'})")
    panel.until(lambda: "No IC-Light fc model was found" in seen(panel, accordion.css("notices")), "the problem")
    accordion.until_message("Set for relighting")
    panel.until_painted()


@pytest.mark.any_page
def test_a_missing_file_is_fetched_and_used(panel, hub, subject):
    accordion, whole = Accordion(panel), len(hub.content)
    half = whole // 2
    ask_for_a_light(panel, accordion, subject)
    panel.click(f"{accordion.css('notices')} .relight-remedy")
    panel.until(lambda: panel.find_all(f"{accordion.css('models')} > .label-wrap.open"), "the section")
    get = line(accordion, FC, "[data-action=get]")
    panel.until(lambda: seen(panel, get) == f"Get ({size(whole)})", "the file's button")
    assert "Needed now 0 / 1" in seen(panel, accordion.css("models_list")).replace("\n", " ") and hub.asked == []

    hub.how = "stall inside"
    panel.click(get)
    panel.until(lambda: f"{size(half)} / {size(whole)}" in seen(panel, line(accordion, FC)), "half of it")
    panel.click(line(accordion, FC, "[data-action=cancel]"))
    panel.until(lambda: seen(panel, get) == f"Get the rest ({size(whole - half)})", "the rest")
    hub.how = 404
    panel.click(get)
    message = panel.until(lambda: seen(panel, line(accordion, FC, ".relight-model-message")), "the failure")
    assert "could not be downloaded (the file is no longer at its address)" in message
    hub.how = ""
    panel.click(get)
    panel.until(lambda: panel.find_all(line(accordion, FC) + "[data-state=there]"), "the file")
    panel.until(lambda: "No IC-Light fc" not in seen(panel, accordion.css("notices")), "the problem gone")
    panel.generate()
    assert 'Relight: "fc, left, ' in panel.infotext
    assert panel.console_errors() == []


def test_a_non_commercial_file_needs_a_tick(panel, hub, own_models):
    accordion, part = Accordion(panel), own_models / STAGING / FACE / "det_10g.onnx.part"
    part.parent.mkdir(parents=True)
    part.write_bytes(bytes(10**6))
    accordion.open()
    panel.until(lambda: panel.driver.execute_script("return !!relight.models.open"), "the module")
    panel.driver.execute_script(f"relight.models.open('{FACE}')")
    get = line(accordion, FACE, "[data-action=get]")
    panel.click(line(accordion, FACE, "[data-action=discard]"))
    panel.until(lambda: not panel.find_all(line(accordion, FACE, "[data-action=discard]")), "no part")
    assert seen(panel, get) == f"Get ({size(len(hub.content))})" and not part.exists()
    assert not panel.find(get).is_enabled()
    panel.click(line(accordion, FACE, "input"))
    panel.until(lambda: panel.find(get).is_enabled(), "the button")
    panel.click(get)
    panel.until(lambda: not panel.find_all(line(accordion, FACE) + "[data-state=missing]"), "the download")
    panel.until(lambda: hub.asked and not (own_models / STAGING).exists(), "the end of the download")
