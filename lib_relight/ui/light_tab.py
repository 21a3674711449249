"""The Light tab: the subject and its light."""

from __future__ import annotations

import gradio as gr

from ..panel import LIGHT_FIELDS
from .components import LIGHT_ITEMS, Components

SHOWN_WITH = {"light_angle": ("angle",), "light_x": ("spot",), "light_y": ("spot",), "light_radius": ("spot",),
              "light_map": ("custom",)}
"""Controls that mean something for some lights only."""
ROWS = (("model", "light"), ("light_angle", "light_x", "light_y", "light_radius"), ("matting", "reinforce"),
        ("background_flip", "keep_background", "compensate_steps", "extras"))
MORE_ROWS = (("light_start", "light_end"), ("light_color", "light_gamma"), ("detail", "detail_sigma", "color_hold"),
             ("condition_scale", "hr_option"))


def build(panel: Components) -> None:
    panel.checkbox("iclight", "Relight with IC-Light", True)
    with gr.Row():
        panel.picture("foreground")
        panel.picture("background")
        panel.picture("light_map", visible=False)
        panel.picture("mask", visible=False)
    add_rows(panel, ROWS)
    with gr.Accordion("More", open=False, elem_id=panel.elem_id("more")):
        add_rows(panel, MORE_ROWS)
        add_rows(panel, (tuple(name for name in LIGHT_FIELDS if name not in panel.components),))
    panel.show_for("light", SHOWN_WITH)
    panel.show_for("matting", {"mask": ("mask",)})


def add_rows(panel: Components, rows: tuple) -> None:
    for row in rows:
        with gr.Row():
            for name in row:
                if name in LIGHT_FIELDS:
                    panel.field(name, LIGHT_ITEMS[name], visible=name not in SHOWN_WITH)
