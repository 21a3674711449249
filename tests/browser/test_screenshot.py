"""The command that takes the README's screenshots, at the width of a phone."""

import importlib
import sys

import pytest

pytestmark = pytest.mark.same_everywhere


@pytest.fixture
def screenshot(repo_root, monkeypatch):
    """devtools/screenshot.py; its import puts folders on the path, which are taken off again."""
    monkeypatch.setattr(sys, "path", [str(repo_root / "devtools"), *sys.path])
    return importlib.import_module("screenshot")


@pytest.fixture
def own_screen(chromium):
    """What the command changes of the browser is taken back."""
    yield chromium
    chromium.execute_cdp_cmd("Emulation.setTouchEmulationEnabled", {"enabled": False})
    chromium.execute_cdp_cmd("Emulation.clearDeviceMetricsOverride", {})


def test_the_panel_is_taken_with_its_lights(screenshot, own_screen, host):
    image = screenshot.shoot(own_screen, host.url, 390)
    assert 280 <= image.width <= 390
    assert len(own_screen.find_elements("css selector", "#script_img2img_relight_enabled .relight-pad-handle")) == 2
