"""The panel's size: heights and controls in sight."""

import pytest
from browser.pages.layout import measure

pytestmark = pytest.mark.same_everywhere
HIGHEST, MOST_CONTROLS, PAD_HEIGHT = {1280: 900, 390: 1500}, 20, 420


@pytest.fixture
def screen(chromium):
    """screen(390) makes the page so wide."""
    yield lambda width: chromium.execute_cdp_cmd("Emulation.setDeviceMetricsOverride", {
        "width": width, "height": 1000, "deviceScaleFactor": 1, "mobile": width < 500})
    chromium.execute_cdp_cmd("Emulation.clearDeviceMetricsOverride", {})


@pytest.mark.parametrize("width", HIGHEST)
def test_the_light_tab_fits(panel, pad, screen, subject, width):
    screen(width)
    pad.open("img2img")
    panel.upload("img2img_image", subject)
    pad.kind("left")
    panel.until(lambda: panel.find(pad.css("notices")).text == "1 light from the left", "the status line")
    found = measure(pad)
    print({name: value for name, value in found.items() if name != "names"})
    assert found["height"] <= HIGHEST[width]
    assert found["controls"] <= MOST_CONTROLS, found["names"]
    assert found["overflow"] <= 0
    assert width < 500 or found["pad"] >= PAD_HEIGHT


def test_an_action_that_runs_moves_nothing(pad):
    pad.open("img2img")
    heights = pad.driver.execute_script(PENDING, pad.css("note"), pad.css("notices"), pad.css("enabled"))
    assert heights[0] == heights[1], "the panel's height before and while gradio waits for an answer"
    assert heights[2] == ["1", "1"], "opacity of the lines"


PENDING = """
const [note, notices, root] = arguments, height = () => Math.round(document.querySelector(root).getBoundingClientRect().height);
const proses = [note, notices].map((css) => document.querySelector(`${css} .prose`)), before = height();
for (const prose of proses) { prose.classList.add("min"); prose.style.transition = prose.parentElement.style.transition = "none"; prose.parentElement.classList.add("pending"); }
return [before, height(), proses.map((prose) => getComputedStyle(prose.parentElement).opacity)];
"""
