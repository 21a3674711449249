"""The section Models: a missing file is fetched from a server that plays the hub, found, and used, without a reload of the page."""

import hashlib
import json
from pathlib import Path

import hub_server
import pytest
from api.serving import HostProcess, demo_models
from browser.pages.accordion import Accordion
from browser.pages.panel import Panel

pytestmark = pytest.mark.once_per_gradio
ROOT = Path(__file__).resolve().parents[2]
TABLE = "lib_relight/base/known_files.json"
REPLACE_TABLE = """import sys
from pathlib import Path
known_files = sys.modules["sd_relight.lib_relight.base.known_files"]
known_files.TABLE = Path({path!r})
known_files.known_files.cache_clear()
"""
FC, FACE = "iclight_sd15_fc", "det_10g"


@pytest.fixture
def hub():
    """The server; its one file is the demo fc."""
    with hub_server.running() as server:
        server.content = (demo_models() / "iclight_fc.safetensors").read_bytes()
        yield server


@pytest.fixture
def panel(chromium, hub, tmp_path, monkeypatch):
    """The page of a host without fc, whose known files fc and det_10g lie on the hub."""
    models, scripts = tmp_path / "models", tmp_path / "table" / "scripts"
    scripts.mkdir(parents=True)
    models.mkdir()
    for path in demo_models().iterdir():
        if path.name != "iclight_fc.safetensors":
            (models / path.name).symlink_to(path)
    served = {"url": f"{hub.url}/file", "hub": "", "size": len(hub.content), "sha256": hashlib.sha256(hub.content).hexdigest()}
    table = json.loads((ROOT / TABLE).read_text("utf8"))
    (tmp_path / "table.json").write_text(json.dumps([{**file, **served} if file["name"] in (FC, FACE) else file for file in table]))
    (scripts / "table.py").write_text(REPLACE_TABLE.format(path=str(tmp_path / "table.json")))
    monkeypatch.setenv("RELIGHT_DEMO_MODELS", str(models))
    with HostProcess(tmp_path, [ROOT, scripts.parent]) as host:
        page = Panel(chromium, host.url)
        page.open()
        yield page


def seen(panel, css):
    """The text of an element that the page may draw anew at any time."""
    return panel.driver.execute_script("return document.querySelector(arguments[0])?.innerText || ''", css)


def line(accordion, name, css=""):
    """Selector of the first line of a file, or of a part of it."""
    return f"{accordion.css('models')} .relight-model[data-name='{name}'] {css}".strip()


def test_a_missing_file_is_fetched_and_used(panel, hub, subject, tmp_path):
    accordion = Accordion(panel)
    accordion.open(steps=2, width=64, height=64)
    panel.upload(accordion("foreground"), subject)
    panel.driver.execute_script("relight.fields.set('txt2img', {light: 'left'})")
    panel.until(lambda: "No IC-Light fc model was found" in seen(panel, accordion.css("notices")), "the problem")
    accordion.until_message("Set for relighting")
    panel.until_painted()
    panel.click(f"{accordion.css('notices')} .relight-remedy")
    panel.until(lambda: panel.find_all(f"{accordion.css('models')} > .label-wrap.open"), "the section")
    get = line(accordion, FC, "[data-action=get]")
    panel.until(lambda: seen(panel, get) == "Get (8 MB)", "the file's button")
    assert "Needed now 0 / 1" in seen(panel, accordion.css("models_list")).replace("\n", " ") and hub.asked == []

    hub.how = "stall inside"
    panel.click(get)
    panel.until(lambda: "4 MB / 8 MB" in seen(panel, line(accordion, FC)), "half of it")
    panel.click(line(accordion, FC, "[data-action=cancel]"))
    panel.until(lambda: seen(panel, get) == "Get the rest (4 MB)", "the rest")
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


def test_a_non_commercial_file_needs_a_tick(panel, hub):
    accordion = Accordion(panel)
    accordion.open()
    panel.until(lambda: panel.driver.execute_script("return !!relight.models.open"), "the module")
    panel.driver.execute_script(f"relight.models.open('{FACE}')")
    get = line(accordion, FACE, "[data-action=get]")
    assert not panel.find(get).is_enabled()
    panel.click(line(accordion, FACE, "input"))
    panel.until(lambda: panel.find(get).is_enabled(), "the button")
    panel.click(get)
    panel.until(lambda: not panel.find_all(line(accordion, FACE) + "[data-state=missing]"), "the download")
    panel.until(lambda: hub.asked, "the request")
