"""Parses light colours: #rrggbb, or a colour temperature such as 2700K."""

from __future__ import annotations

import math
import re
from typing import Any

import numpy as np

from ..lib_common.fields import short_repr
from .errors import IcLightError

COOLEST, HOTTEST = 1500, 15000
HEX = re.compile(r"#[0-9a-fA-F]{6}")
KELVIN = re.compile(r"([0-9]+(?:\.[0-9]+)?) ?[kK]")
COLOR_SCHEMA = {
    "type": "string", "examples": ["#ffb46b", "2700K"],
    "pattern": r"^(#[0-9a-fA-F]{6}|((1[5-9]|[2-9][0-9]|1[0-4][0-9])[0-9]{2}(\.[0-9]+)?|15000) ?[kK])$"}
"""JSON Schema of `light_color`: HEX, or KELVIN from COOLEST to HOTTEST."""


def check_color(text: Any) -> str:
    """Return the value of `light_color`, or raise IcLightError when `parse_color` cannot read it."""
    if isinstance(text, str) and HEX.fullmatch(text):
        return text
    lamp = KELVIN.fullmatch(text) if isinstance(text, str) else None
    if not lamp:
        raise IcLightError(f"`light_color` is {short_repr(text)}; write it as #rrggbb, for example #ffb46b, or as a temperature, "
                           "for example 2700K.")
    if not COOLEST <= float(lamp[1]) <= HOTTEST:
        raise IcLightError(f"`light_color` is {short_repr(text)}; a temperature must be from {COOLEST}K to {HOTTEST}K.")
    return text


def is_white(text: str) -> bool:
    return bool((parse_color(text) == 255).all())


def parse_color(text: str) -> np.ndarray:
    """Return the sRGB colour of "#rrggbb" or a temperature: float64 [3], whole numbers 0..255."""
    lamp = KELVIN.fullmatch(text)
    return kelvin_color(float(lamp[1])) if lamp else np.array([int(text[i:i + 2], 16) for i in (1, 3, 5)], np.float64)


def kelvin_color(kelvin: float) -> np.ndarray:
    """Return the sRGB colour of a black body, 1500..15000 K; 6600 K is white.

    Tanner Helland's curves (2012, "How to convert temperature (K) to RGB") through Mitchell Charity's black body colours.
    """
    t = kelvin / 100
    warm = t <= 66
    red = 255.0 if warm else 329.698727446 * (t - 60) ** -0.1332047592
    green = 99.4708025861 * math.log(t) - 161.1195681661 if warm else 288.1221695283 * (t - 60) ** -0.0755148492
    blue = 255.0 if t >= 66 else 0.0 if t <= 19 else 138.5177312231 * math.log(t - 10) - 305.0447927307
    return np.floor(np.clip([red, green, blue], 0, 255) + 0.5)
