"""How img2img's picture is found on each kind of page: one component, or Forge's canvas of several."""

import gradio as gr
import pytest
from sd_relight.embedded_host.host import ROOT, EmbeddedHost


@pytest.fixture(scope="module")
def flows(tmp_path_factory):
    EmbeddedHost(ROOT / "models" / "demo", device="cpu", extensions=[ROOT], data_dir=tmp_path_factory.mktemp("data"))
    from sd_relight.lib_relight.ui.one_click import Flows

    return Flows


def test_a_picture_component(flows):
    page = flows()
    with gr.Blocks():
        page.saw(gr.Textbox(elem_id="img2img_prompt"), True)
        image = gr.Image(elem_id="img2img_image")
        page.saw(image, True)
        page.saw(gr.Image(elem_id="img2img_sketch"), True)
    assert page.init_image is image and page.relight.elem_id == "img2img_relight_this"
    assert list(page.host) == ["host_prompt"]


def test_the_canvas_that_begins_with_its_html(flows):
    page = flows()
    with gr.Blocks():
        page.saw(gr.Textbox(elem_id="uuid_0", elem_classes=["logical_image_background"]), True)
        page.saw(gr.HTML(elem_id="img2img_image"), True)
        page.saw(gr.Textbox(elem_id="uuid_1", elem_classes=["logical_image_foreground"]), True)
        background = gr.Textbox(elem_id="uuid_1", elem_classes=["logical_image_background"])
        page.saw(background, True)
        page.saw(gr.HTML(elem_id="img2img_sketch"), True)
        page.saw(gr.Textbox(elem_id="uuid_2", elem_classes=["logical_image_background"]), True)
    assert page.init_image is background and page.relight is not None


def test_txt2img_has_none(flows):
    page = flows()
    with gr.Blocks():
        page.saw(gr.Image(elem_id="img2img_image"), False)
    assert page.init_image is None
