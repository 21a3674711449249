"""The Light tab: the pad with small image fields beside it, one row of buttons, and the folded sections Quality and Numbers."""

from __future__ import annotations

import gradio as gr

from ...lib_iclight.params import IMAGES_SHOWN_FOR
from ..request.panel_values import ICLIGHT_PANEL_FIELDS, ICLIGHT_SCHEMA
from . import guarded, light_pad, one_click, previews
from .components import Components

SHOWN_FOR = {**{name: item.metadata["shown_for"] for name, item in ICLIGHT_SCHEMA.items() if "shown_for" in item.metadata},
             **IMAGES_SHOWN_FOR}
"""{field: {other field: its values for which the field is visible}}, from the schema."""


def build(panel: Components) -> None:
    with gr.Column(elem_classes=["relight-light"]):
        build_stage(panel)
        add_grid(panel, "set")
        with gr.Row(elem_classes=["relight-buttons"]):
            panel.checkbox("iclight", "Relight with IC-Light", True)
            guarded.build(panel, "one-click flows", one_click.build)
        with panel.folds():
            with panel.fold("Quality", "quality"):
                guarded.build(panel, "previews", previews.build)
                add_grid(panel, "quality")
            with panel.fold("Numbers", "numbers"):
                guarded.build(panel, "one-click flows", one_click.add_size)
                add_grid(panel, "numbers")
                panel.image("normal_map")
    for control in {other: None for shown_for in SHOWN_FOR.values() for other in shown_for}:
        panel.show_for(control, {name: values[control] for name, values in SHOWN_FOR.items() if control in values})


def build_stage(panel: Components) -> None:
    """style.css puts the images beside the pad where they fit, above it otherwise."""
    with gr.Row(elem_classes=["relight-stage"]):
        with gr.Column(min_width=0, elem_classes=["relight-thumbs"]):
            panel.image("foreground")
            panel.image("background")
            panel.image("mask", visible=False)
            panel.image("light_map", visible=False)
        guarded.build(panel, "light pad", light_pad.build)


def add_grid(panel: Components, group: str) -> None:
    """A grid of the fields that the schema puts into a group, in the schema's order."""
    with panel.grid():
        for name in ICLIGHT_PANEL_FIELDS:
            if ICLIGHT_SCHEMA[name].metadata["group"] == group:
                panel.field(name, ICLIGHT_SCHEMA[name], visible=name not in SHOWN_FOR)
