"""The page: txt2img and img2img with the WebUIs' element ids, and every script's panel."""

from __future__ import annotations

from typing import Any

from .fields import Fields, add_basics, add_hires, add_img2img, add_source
from .head import head_html, install
from .tab_jobs import run_tab

TITLE = "Relight"
GREETING = "<h1>Relight</h1><p>IC-Light and IP-Adapter on the embedded host</p>"


def build_ui() -> Any:
    """Return the page as gr.Blocks; the scripts must be loaded. Call it once for each running server."""
    import gradio as gr
    from modules import infotext_utils, scripts

    from . import gradio_compat, paste  # noqa: F401

    infotext_utils.paste_fields.clear()
    infotext_utils.paste_buttons.clear()
    install(head_html())
    with gr.Blocks(title=TITLE, theme=_theme(gr), analytics_enabled=False) as page:
        gr.HTML(GREETING, elem_id="host_title")
        with gr.Tabs(elem_id="tabs"):
            for tab, runner in (("txt2img", scripts.scripts_txt2img), ("img2img", scripts.scripts_img2img)):
                with gr.TabItem(tab, id=tab, elem_id=f"tab_{tab}"), scripts.building(runner):
                    _build_tab(gr, tab, runner)
        paste.connect_buttons()
    return page


def _theme(gr):
    """System fonts (nothing is fetched) and one warm accent."""
    theme = gr.themes.Default(primary_hue="amber", secondary_hue="amber", neutral_hue="stone", radius_size="md",
                              font=["system-ui", "Segoe UI", "Roboto", "Helvetica Neue", "sans-serif"],
                              font_mono=["ui-monospace", "monospace"])
    return theme.set(slider_color="*primary_500", checkbox_background_color_selected="*primary_500",
                     checkbox_border_color_selected="*primary_500", checkbox_border_color_focus="*primary_500",
                     button_primary_background_fill="*primary_500", button_primary_text_color="white",
                     button_primary_background_fill_hover="*primary_600",
                     button_secondary_background_fill="*neutral_100", button_cancel_background_fill="*neutral_100")


def _build_tab(gr, tab, runner):
    runner.initialize_scripts(tab == "img2img")
    fields = Fields(tab)
    task = gr.Textbox("", visible=False, elem_id=f"{tab}_task_id")
    prompt = _build_prompts(gr, fields)
    with gr.Row(elem_id=f"{tab}_main"):
        with gr.Column(elem_id=f"{tab}_settings", scale=5):
            image = _build_settings(gr, fields, tab)
            with gr.Group(elem_id=f"{tab}_script_container"):
                runner.setup_ui()
        with gr.Column(elem_id=f"{tab}_results_panel", scale=4):
            buttons, outputs = _build_results(gr, tab)
    _connect_job(tab, fields, runner, task, buttons, outputs)
    _connect_paste(tab, fields, runner, prompt, image, buttons["paste"])


def _build_prompts(gr, fields):
    tab = fields.tab
    prompt = gr.Textbox("", label="Prompt", lines=2, elem_id=f"{tab}_prompt",
                        placeholder="The image and its light; or infotext, for the paste button")
    negative = gr.Textbox("", label="Negative prompt", lines=1, elem_id=f"{tab}_neg_prompt")
    fields.add("prompt", prompt, "Prompt")
    fields.add("negative_prompt", negative, "Negative prompt")
    return prompt


def _build_settings(gr, fields, tab):
    from modules.ui_components import InputAccordion

    image = add_source(fields, gr) if tab == "img2img" else None
    add_basics(fields, gr)
    if tab == "img2img":
        add_img2img(fields, gr)
    else:
        add_hires(fields, gr, InputAccordion)
    return image


def _build_results(gr, tab):
    from modules import infotext_utils
    from modules.ui_components import ToolButton

    from .gradio_compat import GRADIO_4

    lossless = {"format": "png", "interactive": False, "type": "pil"} if GRADIO_4 else {}
    with gr.Row(elem_classes=["host-actions"]):
        buttons = {
            "generate": gr.Button("Generate", variant="primary", elem_id=f"{tab}_generate", scale=4),
            "interrupt": gr.Button("Interrupt", variant="stop", elem_id=f"{tab}_interrupt", scale=2),
            "skip": gr.Button("Skip", elem_id=f"{tab}_skip", scale=2),
            "paste": ToolButton("↙️", elem_id="paste"),
        }
    gr.HTML("", elem_id=f"{tab}_progress")
    gallery = gr.Gallery(label="Output", show_label=False, elem_id=f"{tab}_gallery", columns=2, object_fit="contain",
                         preview=True, height=520, **lossless)
    with gr.Row(elem_id=f"image_buttons_{tab}", elem_classes=["host-image-buttons"]):
        send = ToolButton("🖼️", elem_id=f"{tab}_send_to_img2img", tooltip="Send this image to img2img")
    infotext_utils.register_paste_params_button(infotext_utils.ParamBinding(
        paste_button=send, tabname="img2img", source_image_component=gallery))
    outputs = [
        gallery,
        gr.Textbox(visible=False, elem_id=f"generation_info_{tab}"),
        gr.HTML("", elem_id=f"html_info_{tab}"),
        gr.HTML("", elem_id=f"html_log_{tab}"),
    ]
    return buttons, outputs


def _connect_job(tab, fields, runner, task, buttons, outputs):
    from modules import shared

    from ..job_queue import page_job

    def job(task_id, *args):
        return run_tab(tab, fields.values(args), args[len(fields.names):])

    buttons["generate"].click(fn=page_job(job, [None, "", ""]), _js="submit_img2img" if tab == "img2img" else "submit",
                              inputs=[task, *fields.components, *runner.inputs], outputs=outputs,
                              show_progress="hidden", api_name=False)
    for name, action in (("interrupt", shared.state.interrupt), ("skip", shared.state.skip)):
        buttons[name].click(fn=action, queue=False, api_name=False, show_progress="hidden")


def _connect_paste(tab, fields, runner, prompt, image, button):
    from modules import infotext_utils

    pasted = [infotext_utils.PasteField(component, key, api=name) for component, key, name in fields.pasted]
    infotext_utils.add_paste_fields(tab, image, [*pasted, *runner.infotext_fields])
    infotext_utils.register_paste_params_button(infotext_utils.ParamBinding(
        paste_button=button, tabname=tab, source_text_component=prompt))
