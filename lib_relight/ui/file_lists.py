"""The panel's lists of files (adapters, IC-Light files, matting models, presets), all refreshed by one press without a reload."""

from __future__ import annotations

import itertools

import gradio as gr

from ..models import ip_adapter_files, listing
from ..models.folders import model_folders
from ..request.ip_adapter_unit import MAX_UNITS
from ..request.panel_values import ICLIGHT_SCHEMA, UNIT_SCHEMA, unit_name
from . import presets
from .components import Components, available_choices
from .light_pad import attribute, hidden_button, tab_of

LISTS = {"model": "model", "matting": "matting", "preset": "preset",
         **{unit_name(number, "model"): "unit_model" for number in range(1, MAX_UNITS + 1)}}
"""Field with a list of files -> key of its entries in `entries`."""
answers = itertools.count(1)
"""A new number for each answer, by which javascript/relight/lists.js sees that it has arrived."""


def entries() -> dict[str, list[str]]:
    """Return the entries of each list as of now, and under "face" the adapters that need a face."""
    items = {"model": ICLIGHT_SCHEMA["model"], "matting": ICLIGHT_SCHEMA["matting"], "unit_model": UNIT_SCHEMA["model"]}
    return {**{key: available_choices(item)[0] or [] for key, item in items.items()}, "preset": presets.names()[0],
            "face": ip_adapter_files.face_choices(model_folders("ipadapter"))}


def build(panel: Components) -> None:
    """The event behind the refresh buttons, which javascript/relight/lists.js adds to the fields of LISTS."""
    fields = {name: key for name, key in LISTS.items() if name in panel.components}
    known = gr.HTML(data(panel, entries(), fields), elem_id=panel.elem_id("lists_of"), elem_classes=["relight-hidden"])

    def refresh() -> list:
        listing.refresh()
        found = entries()
        return [*(gr.update(choices=found[key]) for key in fields.values()), data(panel, found, fields)]

    hidden_button(panel, "lists_refresh").click(
        fn=refresh, inputs=[], outputs=[*(panel.components[name] for name in fields), known], queue=False, show_progress="hidden",
        api_name=False)


def data(panel: Components, found: dict, fields: dict) -> str:
    return (f"<div class='relight-lists-of' data-tab='{tab_of(panel)}' data-answer='{next(answers)}' "
            f"data-lists='{attribute(found)}' data-fields='{attribute(fields)}' hidden></div>")
