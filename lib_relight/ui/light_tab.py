"""The Light tab: the subject and its light side by side, then how they are used; what is rarely needed under "More"."""

from __future__ import annotations

import gradio as gr

from ..panel import LIGHT_FIELDS
from . import pad
from .components import LIGHT_ITEMS, Components

SHOWN_WITH = {"light_angle": ("angle",), "light_x": ("spot",), "light_y": ("spot",), "light_radius": ("spot",),
              "light_map": ("custom",)}
"""Controls that mean something for some lights only."""
NUMBERS = ("light_angle", "light_x", "light_y", "light_radius")
ROWS = (("model", "reinforce"), ("background_flip", "keep_background", "compensate_steps", "extras"))
MORE_ROWS = (("light_start", "light_end"), ("light_color", "light_gamma"), ("lights",), ("detail", "detail_sigma", "color_hold"),
             ("condition_scale", "hr_option"))
HALF = 240
"""Least width of one of the two columns, in pixels: below twice of it they stand under each other."""


def build(panel: Components) -> None:
    panel.checkbox("iclight", "Relight with IC-Light", True)
    with gr.Row(elem_id=panel.elem_id("stage")):
        with gr.Column(min_width=HALF):
            build_subject(panel)
        with gr.Column(min_width=HALF):
            pad.build(panel)
            add_rows(panel, (("light",), NUMBERS))
            panel.picture("light_map", visible=False)
    add_rows(panel, ROWS)
    with gr.Accordion("More", open=False, elem_id=panel.elem_id("more")):
        add_rows(panel, MORE_ROWS)
        add_rows(panel, (tuple(name for name in LIGHT_FIELDS if name not in panel.components),))
    panel.show_for("light", SHOWN_WITH)
    panel.show_for("matting", {"mask": ("mask",)})


def build_subject(panel: Components) -> None:
    panel.picture("foreground")
    add_rows(panel, (("matting",),))
    panel.picture("mask", visible=False)
    panel.picture("background")


def add_rows(panel: Components, rows: tuple) -> None:
    for row in rows:
        with gr.Row():
            for name in row:
                if name in LIGHT_FIELDS:
                    panel.field(name, LIGHT_ITEMS[name], visible=name not in SHOWN_WITH)
