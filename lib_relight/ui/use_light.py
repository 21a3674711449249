"""Use this light: a button below the results takes the light of the selected image, such as one of a set, into the panel."""

from __future__ import annotations

import html
import json

import gradio as gr
from modules import infotext_utils
from modules.ui_components import ToolButton

from ...lib_iclight.params import LIGHT_FIELDS
from ..base.errors import RelightError, UserError
from ..request.infotext import from_infotext, has_light, key_of
from ..request.panel_values import ICLIGHT_SCHEMA
from .components import Components

SYMBOL = "\N{BLACK SUN WITH RAYS}"
FIELDS = (*LIGHT_FIELDS, "lights")
NO_LIGHT = "The selected image names no light of Relight; select an image of a set in the results, then press the button again."
WITH_SELECTION = "(info, index) => [info, typeof selected_gallery_index === 'function' ? selected_gallery_index() : 0]"


def add_button(tab: str) -> ToolButton:
    button = ToolButton(SYMBOL, elem_id=f"{tab}_relight_use_light",
                        tooltip="Use this light: take the light of the selected image into Relight.")
    button.do_not_save_to_config = True
    return button


def connect(panel: Components, button: ToolButton, generation_info) -> None:
    """Once all components exist. generation_info: the host's textbox with the infotexts of the results as JSON."""
    index = gr.Number(0, visible=False)
    index.do_not_save_to_config = True
    outputs = [panel.components["set"], *(panel.components[name] for name in FIELDS), panel.action_outputs.message]
    button.click(fn=use_light, _js=WITH_SELECTION, inputs=[generation_info, index], outputs=outputs, queue=False,
                 show_progress=False, api_name=False)


def use_light(info: str, index: float | None) -> list:
    """Return the values of `set`, the light's fields and the message line."""
    try:
        values = light_of(infotext_of(info, int(index or 0)))
    except UserError as error:
        return [*[gr.update()] * (1 + len(FIELDS)), line(str(error))]
    return [gr.update(value="none"), *(gr.update(value=values[name]) for name in FIELDS), line(f"Light: {values['light']}.")]


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


def line(text: str) -> str:
    return f"<p role='status'>{html.escape(text)}</p>"
