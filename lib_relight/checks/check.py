"""Checks a whole request before its job: every error that would stop it, every field that would have no effect."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from dataclasses import replace

import numpy as np

from ..base.errors import UserError, shortened
from ..request.images import DecodedImage
from ..request.ip_adapter_unit import MAX_UNITS
from ..request.panel_values import parse_panel, unit_name
from ..request.request import RelightRequest, parse_api
from .iclight_checks import iclight_messages
from .ip_adapter_checks import ip_adapter_messages
from .messages import Level, Message, State, from_error, sentences

PLACEHOLDER = DecodedImage(np.zeros((64, 64, 3), np.uint8))
"""Stands for a panel image that the check does not receive."""
LONGEST_VALUE = 80
JOB_FIELDS = ("tab", "denoising_strength", "enable_hr", "init_images", "batch_size", "width", "height", "resize_mode")
"""Fields of the job that /check accepts; width, height and resize_mode are ignored."""


def check(request: RelightRequest, state: State) -> list[Message]:
    """Return the messages of a request, errors first; model files are read by header, nothing is loaded or computed."""
    found = [*iclight_messages(request, state)] if request.iclight is not None else []
    found += ip_adapter_messages(request, state)
    once: dict[str, Message] = {}
    for message in found:
        once.setdefault(message.sentence, message)
    return sorted(once.values(), key=lambda message: message.level != Level.ERROR)


def check_body(body: Mapping, state: Callable[..., State]) -> dict:
    """Answer POST /check: {"errors": [...], "warnings": [...], "messages": [{"level", "field", "value", "sentence"}]}.

    body: a job's `iclight` and `ip_adapter` with JOB_FIELDS around them.
    state: returns the host's State with these fields of the body.
    """
    try:
        request = parse_api({name: value for name, value in body.items() if name not in JOB_FIELDS})
    except UserError as error:
        message = from_error(error)
        return answer([replace(message, value=scalar_at(body, message.field))])
    if request is None:
        return answer([])
    is_img2img = body.get("tab") == "img2img"
    return answer(check(request, state(
        is_img2img=is_img2img, denoise=number(body.get("denoising_strength")), batch_size=number(body.get("batch_size")),
        has_hires=bool(body["enable_hr"]) if "enable_hr" in body else None,
        has_init_image=bool(body.get("init_images")) if is_img2img else None)))


def scalar_at(body: Mapping, field: str | None) -> object:
    """Return a field's value in `iclight` or a unit if it is a short text, a boolean or a finite number, else None."""
    units = body.get("ip_adapter")
    for part in (body.get("iclight"), *(units if isinstance(units, list) else [units])):
        value = part.get(field) if isinstance(part, Mapping) else None
        if isinstance(value, bool) or number(value) is not None or isinstance(value, str) and len(value) <= LONGEST_VALUE:
            return shortened(value) if isinstance(value, str) else value
    return None


def answer(messages: list[Message]) -> dict:
    return {"errors": sentences(messages, Level.ERROR), "warnings": sentences(messages, Level.WARNING),
            "messages": [message.to_json() for message in messages]}


def number(value: object) -> float | None:
    """Return a finite number as float, None for anything else."""
    if isinstance(value, bool) or not isinstance(value, (int, float)):
        return None
    try:
        return float(value) if math.isfinite(value) else None
    except OverflowError:
        return None


def check_panel(values: Mapping, given: set[str], state: State) -> list[Message]:
    """Return the messages of the panel. values: without images. given: the image fields that are not empty."""
    if not values.get("enabled"):
        return []
    more = {unit_name(unit, "more"): unit_name(unit, "image") for unit in range(1, MAX_UNITS + 1)}
    filled = {**values, **{more.get(name, name): PLACEHOLDER for name in given}}
    try:
        request = parse_panel(filled)
    except UserError as error:
        return [from_error(error)]
    has_more = any(name.endswith("_more") for name in given)
    return [message for message in check(request, state) if not (has_more and message.field == "image_weights")]
