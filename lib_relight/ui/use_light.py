"""Use this light: a button below the results takes the light of the selected image, such as one of a set, into the panel."""

from __future__ import annotations

import json

import gradio as gr
from modules import infotext_utils
from modules.ui_components import ToolButton

from ...lib_iclight.params import LIGHT_FIELDS
from ..base.errors import RelightError
from ..request.infotext import from_infotext, has_light, key_of
from ..request.panel_values import ICLIGHT_SCHEMA
from .actions import Action, ActionBinder, Page

SYMBOL = "\N{BLACK SUN WITH RAYS}"
FIELDS = (*LIGHT_FIELDS, "lights")
NO_LIGHT = "The selected image names no light of Relight; select an image of a set in the results, then press the button again."
SELECTED = "typeof selected_gallery_index === 'function' ? selected_gallery_index() : 0"
WITH_SELECTION = f"((tab, values, index) => values.map((value, i) => (i === index ? String({SELECTED}) : value)))"


def add_button(tab: str) -> ToolButton:
    button = ToolButton(SYMBOL, elem_id=f"{tab}_relight_use_light",
                        tooltip="Use this light: take the light of the selected image into Relight.")
    button.do_not_save_to_config = True
    return button


def bind(binder: ActionBinder, button: ToolButton, page_state: gr.Textbox, generation_info) -> None:
    """generation_info: the host's textbox with the infotexts of the results as JSON."""
    binder.bind(Action(button.click, use_light, (page_state, generation_info), page_state=WITH_SELECTION))


def use_light(page: Page, index: str, info: str) -> tuple[dict, str]:
    """Return the values of `set` and the light's fields, and the message."""
    values = light_of(infotext_of(info, int(index or 0)))
    return {"set": "none", **values}, f"Light: {values['light']}."


def infotext_of(info: str, index: int) -> str:
    """Return the infotext of a result. Raises RelightError if there is none."""
    try:
        return json.loads(info)["infotexts"][max(index, 0)]
    except (ValueError, TypeError, LookupError) as error:
        raise RelightError(NO_LIGHT) from error


def light_of(infotext: str) -> dict:
    """Return the panel's values of the light that an infotext names. Raises RelightError without one."""
    pairs = infotext_utils.parse_generation_parameters(infotext)
    if not has_light(pairs):
        raise RelightError(NO_LIGHT)
    return {name: from_infotext(pairs, key_of(name), ICLIGHT_SCHEMA[name]) for name in FIELDS}
