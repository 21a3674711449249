"""Sets of lights in the panel: one press for four directions, the light of one of them taken, the contact sheet and the animation."""

import io
import json

import pytest
import requests
from browser.pages.light_pad import JOB
from PIL import Image
from selenium.webdriver.support.select import Select

pytestmark = [pytest.mark.any_page, pytest.mark.once_per_gradio]
SIDE = 64
OPEN = """
const [tab, address] = arguments;
[...document.querySelectorAll(`#${tab}_gallery .thumbnail-small`)].find((button) => button.querySelector("img").src === address)?.click();
const large = document.querySelector(`#${tab}_gallery [data-testid=detailed-image]`);
return large?.src === address && large.naturalWidth;
"""
"""Opens an image of the gallery; returns its width once it is shown large."""


@pytest.fixture
def pad(pad, subject):
    """The open pad with a subject; jobs are the cheapest."""
    pad.open(**{**JOB, "steps": 1, "width": SIDE, "height": SIDE})
    pad.panel.upload(pad("foreground"), subject)
    pad.until_message("Set for relighting")
    return pad


def downloaded(panel):
    """Address -> image of the files in the gallery."""
    files = {address: requests.get(address, timeout=60) for address in sorted(panel.images())}
    assert all(file.status_code == 200 for file in files.values())
    return {address: Image.open(io.BytesIO(file.content)) for address, file in files.items()}


def choose_set(pad, name):
    """Choose an entry of the pad's menu."""
    Select(pad.find("[data-menu=set] select")).select_by_value(name)
    pad.panel.until(lambda: pad.field("set") == name, f"the set {name}")


def open_large(panel, address):
    return panel.until(lambda: panel.driver.execute_script(OPEN, panel.tab, address), f"{address} shown large")


def test_the_light_of_one_of_four_directions_is_used(panel, pad):
    choose_set(pad, "sides")
    panel.click(f"#{pad('set_sheet')} input")
    panel.generate()
    found = downloaded(panel)
    sheet = next(address for address, image in found.items() if image.width >= 4 * SIDE)
    assert open_large(panel, sheet) == found[sheet].width

    panel.find_all("#txt2img_gallery .thumbnail-small")[3].click()
    panel.until_painted()
    panel.click("#txt2img_relight_use_light")
    pad.fields(set="none")
    light = pad.field("light")
    assert light in ("left", "right", "top", "bottom")
    pad.until_message(f"Light: {light}.")
    panel.generate()
    assert f'Relight: "fc, {light}, ' in panel.infotext
    panel.click(pad.css("undo"))
    pad.fields(set="sides", light="none")
    assert panel.console_errors() == []


def test_the_normal_map_of_a_set_is_used(panel, pad):
    choose_set(pad, "normals")
    panel.pick(pad("set_normals_y"), "directx")
    panel.generate()
    first = next(index for index, text in enumerate(json.loads(panel.value("generation_info_txt2img"))["infotexts"])
                 if text == "Relight normal map")
    found = panel.until(lambda: panel.find_all("#txt2img_gallery .thumbnail-small"), "the thumbnails")
    panel.driver.execute_script("arguments[0].click()", found[first])
    panel.until_painted()
    panel.click("#txt2img_relight_use_light")
    pad.until_message("The normal map shades the subject for lights with an elevation.")
    pad.fields(set="none", light_elevation=30)
    panel.until(lambda: panel.find_all(f"#{pad('normal_map')} img"), "the normal map")
    panel.until(lambda: len(pad.texts("notices", "li")) == 3, "the notices, which move what is below them")
    panel.pick(pad("light"), "left")
    panel.generate()
    assert "Relight normal map hash: " in panel.infotext and "Relight light elevation: 30" in panel.infotext
    panel.click(pad.css("undo"))
    pad.fields(light="none")
    panel.click(pad.css("undo"))
    pad.fields(set="normals", light_elevation=0)
    panel.until(lambda: not panel.find_all(f"#{pad('normal_map')} img"), "the empty field")
    assert panel.console_errors() == []


def test_a_sweep_as_webp(panel, pad):
    panel.pick(pad("light"), "left")
    panel.fill(pad("lights"), '[{"light": "bottom", "light_color": "#ff0000"}]')
    choose_set(pad, "sweep")
    panel.fill(pad("set_frames"), 3)
    panel.pick(pad("set_file"), "webp")
    panel.generate()
    animations = {address: image for address, image in downloaded(panel).items() if image.format == "WEBP"}
    assert [image.is_animated for image in animations.values()] == [True]
    assert open_large(panel, *animations) == SIDE
