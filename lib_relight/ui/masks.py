"""Connects each mask and the normal map to the image that it belongs to; JavaScript removes it when that image is replaced."""

from __future__ import annotations

import json

from ..request.ip_adapter_unit import MAX_UNITS
from ..request.panel_values import unit_name
from .components import Components
from .light_pad import tab_of


def connect(panel: Components, init_image) -> None:
    """The subject's mask, after which Cut-out is auto again, its normal map, and the encoder mask of each unit.

    init_image: None in txt2img.
    """
    parts = panel.components
    subjects = [part for part in (parts["foreground"], init_image) if part is not None]
    pair(panel, "subject", parts["mask"], subjects, {"matting": "auto"})
    pair(panel, "normals", parts["normal_map"], subjects, {}, "normalMapRemoved")
    for number in range(1, MAX_UNITS + 1):
        pair(panel, f"unit{number}", parts[unit_name(number, "image_mask")], [parts[unit_name(number, "image")]], {})


def pair(panel: Components, key: str, mask, images: list, others: dict, words: str = "maskRemoved") -> None:
    """others: panel field -> its value once the mask is removed.  words: text of javascript/relight/texts.js that tells it."""
    outputs = [mask, panel.action_outputs.message, *(panel.components[name] for name in others)]
    given = f"values.slice(0, {1 + len(images)})"  # gradio appends the outputs' values to those of the inputs
    call = f"relight.masks.check('{tab_of(panel)} {key}', {given}, {json.dumps(list(others.values()))}, '{words}')"
    unchanged = f"Array({len(outputs)}).fill({{__type__: 'update'}})"
    for component in (mask, *images):
        component.change(fn=None, _js=f"(...values) => window.relight?.masks ? {call} : {unchanged}", inputs=[mask, *images],
                         outputs=outputs, show_progress=False, api_name=False)
