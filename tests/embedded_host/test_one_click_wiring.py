"""How img2img's image is found on each kind of page: one component, or Forge's canvas of several."""

import gradio as gr
import pytest
from sd_relight.embedded_host.host import ROOT, EmbeddedHost

pytestmark = pytest.mark.once_per_gradio


@pytest.fixture(scope="module")
def one_click(tmp_path_factory):
    EmbeddedHost(ROOT / "models" / "demo", device="cpu", extensions=[ROOT], data_dir=tmp_path_factory.mktemp("data"))
    from sd_relight.lib_relight.ui.one_click import OneClickActions

    return OneClickActions


def test_an_image_component(one_click):
    page = one_click()
    with gr.Blocks():
        page.on_component(gr.Textbox(elem_id="img2img_prompt"), True)
        image = gr.Image(elem_id="img2img_image")
        page.on_component(image, True)
        page.on_component(gr.Image(elem_id="img2img_sketch"), True)
    assert page.init_image is image and page.relight_button.elem_id == "img2img_relight_this"
    assert list(page.host_controls) == ["host_prompt"]


def test_the_canvas_that_begins_with_its_html(one_click):
    page = one_click()
    with gr.Blocks():
        page.on_component(gr.Textbox(elem_id="uuid_0", elem_classes=["logical_image_background"]), True)
        page.on_component(gr.HTML(elem_id="img2img_image"), True)
        page.on_component(gr.Textbox(elem_id="uuid_1", elem_classes=["logical_image_foreground"]), True)
        background = gr.Textbox(elem_id="uuid_1", elem_classes=["logical_image_background"])
        page.on_component(background, True)
        page.on_component(gr.HTML(elem_id="img2img_sketch"), True)
        page.on_component(gr.Textbox(elem_id="uuid_2", elem_classes=["logical_image_background"]), True)
    assert page.init_image is background and page.relight_button is not None


def test_txt2img_has_none(one_click):
    page = one_click()
    with gr.Blocks():
        page.on_component(gr.Image(elem_id="img2img_image"), False)
    assert page.init_image is None
