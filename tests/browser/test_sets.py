"""Sets of lights in the panel: the animation and the contact sheet can be opened and downloaded from the gallery."""

import io

import pytest
import requests
from PIL import Image

pytestmark = pytest.mark.once_per_gradio
JOB = {"steps": 1, "width": 64, "height": 64, "seed": 7, "prompt": "a vase"}


def downloaded(panel):
    """The files behind the images of the gallery."""
    files = [requests.get(address, timeout=60) for address in sorted(panel.pictures())]
    assert all(file.status_code == 200 for file in files)
    return [Image.open(io.BytesIO(file.content)) for file in files]


def test_a_sweep_as_webp(panel, accordion, subject):
    accordion.open(**JOB)
    panel.upload(accordion("foreground"), subject)
    panel.pick(accordion("light"), "left")
    panel.fill(accordion("lights"), '[{"light": "bottom", "light_color": "#ff0000"}]')
    panel.pick(accordion("set"), "sweep")
    panel.fill(accordion("set_frames"), 3)
    panel.pick(accordion("set_file"), "webp")
    panel.generate()
    animations = [image for image in downloaded(panel) if image.format == "WEBP"]
    assert len(animations) == 1 and animations[0].is_animated


def test_a_contact_sheet_of_four_directions(panel, accordion, subject):
    accordion.open(**JOB)
    panel.upload(accordion("foreground"), subject)
    panel.pick(accordion("set"), "sides")
    panel.click(f"#{accordion('set_sheet')} input")
    panel.generate()
    assert [image.size for image in downloaded(panel) if image.width > 4 * 64]


def test_the_light_of_a_selected_image_is_used(panel, accordion, subject):
    accordion.open(**JOB)
    panel.upload(accordion("foreground"), subject)
    panel.pick(accordion("set"), "sides")
    panel.generate()
    panel.find_all("#txt2img_gallery .thumbnail-small")[3].click()
    panel.until_painted()
    panel.click("#txt2img_relight_use_light")
    panel.until(lambda: panel.value(accordion("set")) == "none", "no set")
    light = panel.value(accordion("light"))
    assert light in ("left", "right", "top", "bottom") and f"Light: {light}." in panel.find(accordion.css("note")).text
    panel.generate()
    assert f'Relight: "fc, {light}, ' in panel.infotext
    assert panel.console_errors() == []
