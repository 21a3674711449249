"""The tab of one IP-Adapter unit. Its fields are named unit1_weight and so on; javascript/relight/units.js hides the unused."""

from __future__ import annotations

import gradio as gr

from ..request.ip_adapter_unit import MAX_UNITS
from ..request.panel_values import UNIT_PANEL_FIELDS, UNIT_PANEL_NAMES, UNIT_SCHEMA, unit_name
from ..request.presets import default_value
from . import guarded, previews
from .components import UNIT_IMAGES, Components
from .light_pad import attribute, tab_of

MAIN = tuple(name for name in UNIT_PANEL_FIELDS if UNIT_SCHEMA[name].metadata.get("group") == "main")
SHOWN_FOR = {name: item.metadata["shown_for"] for name, item in UNIT_SCHEMA.items() if "shown_for" in item.metadata}
TRIGGERS = ("enabled", "use_subject", "image", "more", "mask", "image_mask", "negative_image", "model", "weight_type", "crop",
            "uncond", "tiled")
"""Fields on which the tab's label or the use of other fields depends."""


def build(panel: Components, number: int) -> None:
    with gr.Column(elem_classes=["relight-light", "relight-unit"]):
        with panel.grid():
            panel.checkbox(unit_name(number, "enabled"), "Enable this image", False)
            panel.checkbox(unit_name(number, "use_subject"), "Use the subject as image", False,
                           "Keeps the subject's identity and material while its light changes; its matte limits where.")
        with gr.Row(elem_classes=["relight-thumbs"]):
            panel.image(unit_name(number, "image"), UNIT_IMAGES["image"])
            panel.files(unit_name(number, "more"), "More images")
            for name in ("mask", "image_mask", "negative_image"):
                panel.image(unit_name(number, name), UNIT_IMAGES[name])
        add_fields(panel, number, MAIN)
        guarded.build(panel, "previews", previews.build_unit, number)
        with panel.fold("More", unit_name(number, "rest")):
            add_fields(panel, number, [name for name in UNIT_PANEL_FIELDS if name not in MAIN])


def add_fields(panel: Components, number: int, names) -> None:
    with panel.grid():
        for name in names:
            panel.field(unit_name(number, name), UNIT_SCHEMA[name])


def connect(panel: Components) -> None:
    """Call it once all fields exist. Events that run in the browser only; a unit is enabled by giving it an image."""
    defaults = {name: default_value(unit_name(1, name)) for name in UNIT_PANEL_FIELDS}
    gr.HTML(f"<div class='relight-units-of' data-tab='{tab_of(panel)}' data-fields='{','.join(UNIT_PANEL_NAMES)}' "
            f"data-defaults='{attribute(defaults)}' data-shown='{attribute(SHOWN_FOR)}' hidden></div>",
            elem_id=panel.elem_id("units_of"), elem_classes=["relight-hidden"])
    for number in range(1, MAX_UNITS + 1):
        fields = {name: panel.components[unit_name(number, name)] for name in UNIT_PANEL_NAMES}
        handle = f"relight.units.changed('{tab_of(panel)}', {number}, values)"
        call = f"(...values) => window.relight?.units ? {handle} : {{__type__: 'update'}}"
        on_any_change([fields[name] for name in TRIGGERS], call, list(fields.values()), fields["enabled"])


def on_any_change(components: list, call: str, inputs: list, output) -> None:
    """One event of the page for all components; gradio 3 has no such, and gets one each."""
    common = {"inputs": inputs, "outputs": [output], "show_progress": "hidden", "api_name": False}
    if hasattr(gr, "on"):
        gr.on([component.change for component in components], fn=None, js=call, trigger_mode="always_last", **common)
        return
    for component in components:
        component.change(fn=None, _js=call, **common)
