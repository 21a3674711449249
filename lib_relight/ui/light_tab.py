"""The Light tab: subject, pad and background in one row, then the main fields; the others under "More"."""

from __future__ import annotations

import gradio as gr

from ..request.panel_values import ICLIGHT_PANEL_FIELDS, ICLIGHT_SCHEMA
from . import guarded, light_pad, previews
from .components import Components

SHOWN_WITH = {"light_angle": ("angle",), "light_x": ("spot",), "light_y": ("spot",), "light_radius": ("spot",),
              "light_map": ("custom",)}
"""Fields that apply to some light kinds only."""
NUMBERS = ("light_angle", "light_x", "light_y", "light_radius")
FIRST = ("model", "reinforce", "compensate_steps", "extras")
MORE = ("light_start", "light_end", "light_color", "light_gamma", "lights", "detail", "detail_sigma", "color_hold",
        "condition_scale", "hr_option")


def build(panel: Components) -> None:
    with gr.Column(elem_classes=["relight-light"]):
        panel.checkbox("iclight", "Relight with IC-Light", True)
        build_stage(panel)
        guarded.build(panel, "previews", previews.build)
        add_fields(panel, FIRST)
        with gr.Accordion("More", open=False, elem_id=panel.elem_id("more")):
            add_fields(panel, [*MORE, *(name for name in ICLIGHT_PANEL_FIELDS if name not in {*panel.components, *MORE})])
    panel.show_for("light", SHOWN_WITH)
    panel.show_for("matting", {"mask": ("mask",)})


def build_stage(panel: Components) -> None:
    """style.css puts the pad next to the other two columns where they fit, between them otherwise."""
    with gr.Row(elem_classes=["relight-stage"]):
        with gr.Column(min_width=0, elem_classes=["relight-stage-subject"]):
            panel.image("foreground")
        with gr.Column(min_width=0, elem_classes=["relight-stage-light"]):
            guarded.build(panel, "light pad", light_pad.build)
            add_rows(panel, (("light",), NUMBERS))
            panel.image("light_map", visible=False)
        with gr.Column(min_width=0, elem_classes=["relight-stage-place"]):
            add_rows(panel, (("matting",),))
            panel.image("mask", visible=False)
            panel.image("background")
            add_rows(panel, (("background_flip", "keep_background"),))


def add_rows(panel: Components, rows: tuple) -> None:
    for row in rows:
        with gr.Row():
            for name in row:
                add_field(panel, name)


def add_fields(panel: Components, names) -> None:
    with panel.grid():
        for name in names:
            add_field(panel, name)


def add_field(panel: Components, name: str) -> None:
    if name in ICLIGHT_PANEL_FIELDS:
        panel.field(name, ICLIGHT_SCHEMA[name], visible=name not in SHOWN_WITH)
