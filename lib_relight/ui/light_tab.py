"""The Light tab: subject, pad and background in one row, then the main fields, the others under "More"."""

from __future__ import annotations

import gradio as gr

from ...lib_iclight.params import IMAGES_SHOWN_FOR
from ..request.panel_values import ICLIGHT_PANEL_FIELDS, ICLIGHT_SCHEMA
from . import guarded, light_pad, previews
from .components import Components

SHOWN_FOR = {**{name: item.metadata["shown_for"] for name, item in ICLIGHT_SCHEMA.items() if "shown_for" in item.metadata},
             **IMAGES_SHOWN_FOR}
"""{field: {other field: its values for which the field is visible}}, from the schema."""


def build(panel: Components) -> None:
    with gr.Column(elem_classes=["relight-light"]):
        panel.checkbox("iclight", "Relight with IC-Light", True)
        build_stage(panel)
        guarded.build(panel, "previews", previews.build)
        add_grid(panel, "main")
        with gr.Accordion("More", open=False, elem_id=panel.elem_id("more")):
            add_grid(panel, "more")
    for control in {other: None for shown_for in SHOWN_FOR.values() for other in shown_for}:
        panel.show_for(control, {name: values[control] for name, values in SHOWN_FOR.items() if control in values})


def build_stage(panel: Components) -> None:
    """style.css puts the pad next to the other two columns where they fit, between them otherwise."""
    with gr.Row(elem_classes=["relight-stage"]):
        with gr.Column(min_width=0, elem_classes=["relight-stage-subject"]):
            panel.image("foreground")
        with gr.Column(min_width=0, elem_classes=["relight-stage-light"]):
            guarded.build(panel, "light pad", light_pad.build)
            add_row(panel, ["light"])
            add_row(panel, [name for name in fields_of("light") if name != "light"])
            panel.image("light_map", visible=False)
        with gr.Column(min_width=0, elem_classes=["relight-stage-place"]):
            add_row(panel, fields_of("matting"))
            panel.image("mask", visible=False)
            panel.image("background")
            add_row(panel, fields_of("background"))


def fields_of(group: str) -> list[str]:
    """Names of the panel fields that the schema puts into a group, in the schema's order."""
    return [name for name in ICLIGHT_PANEL_FIELDS if ICLIGHT_SCHEMA[name].metadata["group"] == group]


def add_row(panel: Components, names: list[str]) -> None:
    with gr.Row():
        add_fields(panel, names)


def add_grid(panel: Components, group: str) -> None:
    with panel.grid():
        add_fields(panel, fields_of(group))


def add_fields(panel: Components, names: list[str]) -> None:
    for name in names:
        panel.field(name, ICLIGHT_SCHEMA[name], visible=name not in SHOWN_FOR)
