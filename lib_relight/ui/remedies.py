"""What the status line offers for a problem: the words of its button, and what javascript/relight/status.js then does."""

from __future__ import annotations

import re
from dataclasses import dataclass

from ..checks.messages import Message
from ..request.panel_values import ICLIGHT_SCHEMA
from .one_click_values import RELIGHT_STRENGTH

IMAGES = {"foreground": "Choose a subject", "light_map": "Choose a light map", "mask": "Choose a mask",
          "background": "Choose a background"}

MISSING_FILE = re.compile(
    r"IC-Light \w+ model was found|No usable IC-Light|no such file is in|no adapter for|put (it|one) (there|into)|buffalo_l"
    r"|[Gg]et \S+ from http")
"""Messages about a weight file that is not there or not usable."""


@dataclass(frozen=True)
class Remedy:
    """A button of the status line.

    action: {"set": {field: value}}, {"choose": image field or "init_image"}, {"host": {end of a control's id: value}},
    {"models": true} or {"checkpoint": true}.
    """

    text: str
    action: dict


def remedy_for(message: Message, is_img2img: bool) -> Remedy | None:
    """Return the button for a message of the checks; None where only the user can mend it."""
    sentence, name = message.sentence, message.field
    if "SD 1.5 checkpoint" in sentence:
        return Remedy("Choose SD 1.5 checkpoint", {"checkpoint": True})
    if name == "denoising_strength":
        return Remedy(f"Set denoising {RELIGHT_STRENGTH:g}", {"host": {name: RELIGHT_STRENGTH}})
    if sentence.startswith("Image ") and "is missing" in sentence:
        unit = sentence.split(":")[0]
        return Remedy("Choose an image", {"choose": f"unit{unit.removeprefix('Image ')}_image"})
    if MISSING_FILE.search(sentence):
        return Remedy("Get the model files", {"models": True})
    return image_remedy(message, is_img2img) or field_remedy(message)


def image_remedy(message: Message, is_img2img: bool) -> Remedy | None:
    name, sentence = message.field, message.sentence
    if name in ("foreground", "init_image") and ("is missing" in sentence or "has no image" in sentence):
        return (Remedy("Choose an image", {"choose": "init_image"}) if is_img2img
                else Remedy(IMAGES["foreground"], {"choose": "foreground"}))
    missing = next((image for image in IMAGES if f"`{image}` is missing" in sentence), None)
    return Remedy(IMAGES[missing], {"choose": missing}) if missing else None


def field_remedy(message: Message) -> Remedy | None:
    """Warnings about a field without effect: its default, or Cut-out: off where cutting out is impossible."""
    name = message.field
    if name == "matting":
        return Remedy("Use cut-out: off", {"set": {"matting": "none"}})
    if message.value is None or name not in ICLIGHT_SCHEMA:
        return None
    item = ICLIGHT_SCHEMA[name]
    if item.metadata.get("choices") or item.type not in ("float", "bool"):
        return None
    words = "Switch off" if item.type == "bool" else f"Set to {item.default:g}"
    return Remedy(words, {"set": {name: item.default}})
