"""A Picture tab: one image prompt. Its controls are called unit1_weight and so on."""

from __future__ import annotations

import gradio as gr

from ..panel import UNIT_FIELDS, UNIT_ITEMS, unit_name
from . import parts, previews
from .components import Components

ROWS = (("model", "weight"), ("weight_type", "combine"), ("start", "end"))


def build(panel: Components, number: int) -> None:
    panel.checkbox(unit_name(number, "enabled"), "Enable this picture", False)
    with gr.Row():
        panel.picture(unit_name(number, "image"), "image")
        panel.picture(unit_name(number, "mask"), "unit_mask")
    panel.checkbox(unit_name(number, "use_subject"), "Use the subject as picture", False,
                   "Keeps the subject's identity and material while its light changes; its matte says where.")
    panel.components[unit_name(number, "more")] = gr.File(
        label="More pictures", file_count="multiple", elem_id=panel.elem_id(unit_name(number, "more")))
    add_rows(panel, number, ROWS)
    parts.build(panel, "previews", previews.build_unit, number)
    with gr.Accordion("More", open=False, elem_id=panel.elem_id(unit_name(number, "rest"))):
        with gr.Row():
            panel.picture(unit_name(number, "image_mask"), "image_mask")
            panel.picture(unit_name(number, "negative_image"), "negative_image")
        rest = [name for name in UNIT_FIELDS if unit_name(number, name) not in panel.components]
        add_rows(panel, number, [rest[i:i + 3] for i in range(0, len(rest), 3)])


def add_rows(panel: Components, number: int, rows) -> None:
    for row in rows:
        with gr.Row():
            for name in row:
                panel.field(unit_name(number, name), UNIT_ITEMS[name])
