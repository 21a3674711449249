"""Where a subject is put in the frame and how large it is there: the value of `place`, and its validation."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, NamedTuple

from ..lib_common.fields import reject_unknown, short_repr
from .errors import IcLightError


class Place(NamedTuple):
    """x, y: centre of the matte's bounding box in shares of the frame's width and height.  scale: over the size that fits it."""

    x: float = 0.5
    y: float = 0.5
    scale: float = 1.0


RANGES = {"x": (-1.0, 2.0), "y": (-1.0, 2.0), "scale": (0.05, 4.0)}
PLACE_SCHEMA = {"anyOf": [
    {"type": "object", "additionalProperties": False,
     "properties": {name: {"type": "number", "minimum": low, "maximum": high, "default": Place._field_defaults[name]}
                    for name, (low, high) in RANGES.items()}},
    {"type": "null"}]}
"""JSON Schema of a place. `check_place` takes its numbers as a list or a text as well, from the panel and X/Y/Z axes."""


def check_place(value: Any) -> Place | None:
    """Return x, y and scale, or None for None and empty lists and texts, which leave the subject where it is.

    value: an object with some of them, a list of three numbers, or a text of them such as "0.5 0.6 0.8". Raises IcLightError.
    """
    numbers = from_text(value) if isinstance(value, str) else value
    if numbers is None and not isinstance(value, str) or isinstance(numbers, (list, tuple)) and not numbers:
        return None
    if isinstance(numbers, Mapping):
        reject_unknown(numbers, RANGES, "place", IcLightError)
        numbers = Place(**numbers)
    if not isinstance(numbers, (list, tuple)) or len(numbers) != len(RANGES):
        raise IcLightError(f"`place` is {short_repr(value)}; it must be an object with x, y and scale, such as "
                           '{"x": 0.5, "y": 0.6, "scale": 0.8}.')
    return Place(*(check_number(*pair) for pair in zip(RANGES, numbers, strict=True)))


def from_text(text: str) -> list[float] | None:
    try:
        return [float(part) for part in text.replace(",", " ").split()]
    except ValueError:
        return None


def check_number(name: str, value: Any) -> float:
    low, high = RANGES[name]
    if isinstance(value, bool) or not isinstance(value, (int, float)) or not low <= value <= high:
        raise IcLightError(f"`place` has {short_repr(value)} as {name}; it must be a number from {low:g} to {high:g}.")
    return float(value)
