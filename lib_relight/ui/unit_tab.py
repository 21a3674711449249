"""The tab of one IP-Adapter unit. Its fields are named unit1_weight and so on."""

from __future__ import annotations

import gradio as gr

from ..request.panel_values import UNIT_PANEL_FIELDS, UNIT_SCHEMA, unit_name
from . import guarded, previews
from .components import UNIT_IMAGES, Components


def build(panel: Components, number: int) -> None:
    panel.checkbox(unit_name(number, "enabled"), "Enable this image", False)
    with gr.Row():
        add_images(panel, number, "image", "mask")
    panel.checkbox(unit_name(number, "use_subject"), "Use the subject as image", False,
                   "Keeps the subject's identity and material while its light changes; its matte limits where.")
    panel.files(unit_name(number, "more"), "More images")
    add_fields(panel, number, [name for name in UNIT_PANEL_FIELDS if UNIT_SCHEMA[name].metadata.get("group") == "main"])
    guarded.build(panel, "previews", previews.build_unit, number)
    with gr.Accordion("More", open=False, elem_id=panel.elem_id(unit_name(number, "rest"))):
        with gr.Row():
            add_images(panel, number, "image_mask", "negative_image")
        add_fields(panel, number, [name for name in UNIT_PANEL_FIELDS if unit_name(number, name) not in panel.components])


def add_images(panel: Components, number: int, *names: str) -> None:
    for name in names:
        panel.image(unit_name(number, name), UNIT_IMAGES[name])


def add_fields(panel: Components, number: int, names) -> None:
    with panel.grid():
        for name in names:
            panel.field(unit_name(number, name), UNIT_SCHEMA[name])
