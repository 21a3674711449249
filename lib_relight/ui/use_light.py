"""Use this light: a button below the results takes the light of the selected image, or a set's normal map, into the panel."""

from __future__ import annotations

import json

import gradio as gr
import numpy as np
from modules import infotext_utils
from modules.ui_components import ToolButton
from PIL import Image

from ...lib_iclight.params import IMAGE_FIELDS, LIGHT_FIELDS
from ...lib_iclight.surface import TOWARDS_VIEWER
from ..base.errors import RelightError
from ..request.images import ImageDecoder
from ..request.infotext import from_infotext, has_light, key_of
from ..request.panel_values import ICLIGHT_SCHEMA
from .actions import Action, ActionBinder, Page
from .previews import read_page

SYMBOL = "\N{BLACK SUN WITH RAYS}"
FIELDS = (*LIGHT_FIELDS, "lights")
NO_LIGHT = "The selected image names no light of Relight; select an image of a set in the results, then press the button again."
PLACED_MAP = ("The normal map shows the subject where `place` has put it, and `place` would move it once more; make the map "
              "without `place`, or empty `place` and take the result as the subject.")
RAISED = 30.0
"""Elevation in degrees that the panel's light gets with a normal map, which a light in the image plane does not use."""


def add_button(tab: str) -> ToolButton:
    button = ToolButton(SYMBOL, elem_id=f"{tab}_relight_use_light",
                        tooltip="Use this light: take the light of the selected image, or a normal map, into Relight.")
    button.do_not_save_to_config = True
    return button


def bind(binder: ActionBinder, button: ToolButton, page_state: gr.Textbox, generation_info) -> None:
    """generation_info: the host's textbox with the infotexts of the results as JSON."""
    binder.bind(Action(button.click, use_light, (page_state, generation_info), page_state="relight.useLight.withSelection",
                       sets_images=True))


def use_light(page: Page, selected: str, info: str) -> tuple:
    """Return the values of `set` and the light's fields, the message, and an update of each image field.

    selected: JSON of javascript/relight/use_light.js, {"index", "image"}; the image is a normal map as a data: URL, or null.
    Raises RelightError for a normal map that `place` would move twice.
    """
    known, images = read_page(selected), {name: gr.update() for name in IMAGE_FIELDS}
    if page.has_init_image:
        images["init_image"] = gr.update()
    if known.get("image"):
        infotext = infotext_of(info, 0)
        if page.values.get("place") and key_of("place") in infotext_utils.parse_generation_parameters(infotext):
            raise RelightError(PLACED_MAP)
        images["normal_map"] = normal_map_of(known["image"], infotext)
        raised = {} if page.values.get("light_elevation") else {"light_elevation": RAISED}
        return {"set": "none", **raised}, "The normal map shades the subject for lights with an elevation.", *images.values()
    values = light_of(infotext_of(info, int(known.get("index") or 0)))
    return {"set": "none", **values}, f"Light: {values['light']}.", *images.values()


def normal_map_of(image: str, infotext: str) -> Image.Image:
    """Return a set's normal map with y up. infotext: of the set's first image."""
    found = ImageDecoder().decode(image, "normal_map").flattened(TOWARDS_VIEWER).rgb
    pairs = infotext_utils.parse_generation_parameters(infotext)
    is_down = from_infotext(pairs, key_of("set_normals_y"), ICLIGHT_SCHEMA["set_normals_y"]) == "directx"
    return Image.fromarray(np.dstack([found[..., 0], 255 - found[..., 1], found[..., 2]]) if is_down else found)


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
