"""Defines the kinds of light: for each value of the field `light`, the fields that it uses and the formula of its map.

To add a kind: an entry in KINDS, its counterpart in javascript/relight/light_kinds.js, its name in localizations/zh_CN.json.
Choices, checks, the panel's visible fields and the X/Y/Z axes follow from the table.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from functools import partial
from typing import Protocol

import numpy as np

DEMO_RANGE = {"fc": (255.0, 0.0), "fbc": (224.0, 32.0)}
"""(start, end) grey levels of the gradients in lllyasviel/IC-Light's gradio_demo.py and gradio_demo_bg.py."""
AMBIENT_RANGE = {"fc": (127.0, 127.0), "fbc": (64.0, 64.0)}


class LightFields(Protocol):
    """The light fields of `params.IcLightParams`, where their units and ranges are defined."""

    @property
    def light(self) -> str: ...
    @property
    def light_angle(self) -> float: ...
    @property
    def light_x(self) -> float: ...
    @property
    def light_y(self) -> float: ...
    @property
    def light_radius(self) -> float: ...


@dataclass(frozen=True)
class LightKind:
    """One value of `light`.

    fields: the fields that only this kind, or few kinds, use.
    distance: (light, width, height) -> float64 [height, width], the fall-off from 0 (brightest) to 1 (no light left);
    None for a light without fall-off.
    gradient: (width, height, start, end) -> float64 grey levels [height, width], as IC-Light's demos compute them; None
    for kinds that the demos lack.
    levels: default (start, end) grey levels by model family.
    is_computed: False for none, and for custom, whose map is an image.
    """

    name: str
    fields: tuple[str, ...] = ()
    distance: Callable[[LightFields, int, int], np.ndarray] | None = None
    gradient: Callable[[int, int, float, float], np.ndarray] | None = None
    levels: Mapping[str, tuple[float, float]] = field(default_factory=lambda: DEMO_RANGE)
    is_computed: bool = True


def side_gradient(side: str, width: int, height: int, start: float, end: float) -> np.ndarray:
    """Return float64 [height, width], a linear ramp with start at the named side, as the demos tile it."""
    if side in ("left", "right"):
        return np.tile(ramp(side == "left", width, start, end), (height, 1))
    return np.tile(ramp(side == "top", height, start, end)[:, None], (1, width))


def ramp(bright_first: bool, size: int, start: float, end: float) -> np.ndarray:
    """Return float64 [size]; each order has its own linspace, since a mirrored ramp can differ by a level."""
    return np.linspace(start, end, size) if bright_first else np.linspace(end, start, size)


def corner_gradient(corner: str, width: int, height: int, start: float, end: float) -> np.ndarray:
    """Return float64 [height, width]: start + (end - start) * sqrt(x^2 + y^2) / sqrt(2) from the named corner.

    LightSource of kijai/ComfyUI-IC-Light with multiplier 1.
    """
    vertical, horizontal = corner.split("-")
    x = np.linspace(0, 1, width) if horizontal == "left" else np.linspace(1, 0, width)
    y = np.linspace(0, 1, height) if vertical == "top" else np.linspace(1, 0, height)
    away = np.sqrt(x[None, :] ** 2 + y[:, None] ** 2) / np.sqrt(2)
    return start + (end - start) * away


def flat_gradient(width: int, height: int, start: float, end: float) -> np.ndarray:
    return np.full((height, width), start, np.float64)


def pixel_grid(width: int, height: int) -> tuple[np.ndarray, np.ndarray, int, int]:
    """Return x [1, width], y [height, 1] and the largest x and y, at least 1."""
    x, y = np.arange(width, dtype=np.float64)[None, :], np.arange(height, dtype=np.float64)[:, None]
    return x, y, max(width - 1, 1), max(height - 1, 1)


def direction_distance(degrees: float, width: int, height: int) -> np.ndarray:
    """Return the fall-off along a direction, float64 [height, width]: 0 and 1 at the two corners furthest along it."""
    x, y, right, bottom = pixel_grid(width, height)
    toward_x, toward_y = math.cos(math.radians(degrees)), -math.sin(math.radians(degrees))
    reach = (abs(toward_x) * right + abs(toward_y) * bottom) / 2
    along = (x - right / 2) * toward_x + (y - bottom / 2) * toward_y
    return np.clip(0.5 - along / (2 * reach), 0.0, 1.0)


def side_distance(degrees: float, light: LightFields, width: int, height: int) -> np.ndarray:
    return direction_distance(degrees, width, height)


def angle_distance(light: LightFields, width: int, height: int) -> np.ndarray:
    return direction_distance(light.light_angle, width, height)


def corner_distance(corner: str, light: LightFields, width: int, height: int) -> np.ndarray:
    x, y, right, bottom = pixel_grid(width, height)
    u = x / right if "left" in corner else 1.0 - x / right
    v = y / bottom if "top" in corner else 1.0 - y / bottom
    return np.hypot(u, v) / math.sqrt(2.0)


def spot_distance(light: LightFields, width: int, height: int) -> np.ndarray:
    """Return the fall-off of a spot, float64 [height, width]: 1 - smoothstep(1 - r), r = distance from its centre / radius."""
    x, y, right, bottom = pixel_grid(width, height)
    radius = light.light_radius * max(width, height)
    away = np.hypot(x - light.light_x * right, y - light.light_y * bottom) / radius
    near = 1.0 - np.minimum(away, 1.0)
    return 1.0 - near * near * (3.0 - 2.0 * near)


SIDE_ANGLES = {"left": 180.0, "right": 0.0, "top": 90.0, "bottom": 270.0}
CORNER_ANGLES = {"top-left": 135.0, "top-right": 45.0, "bottom-left": 225.0, "bottom-right": 315.0}
KINDS = {kind.name: kind for kind in (
    LightKind("none", is_computed=False),
    *(LightKind(side, distance=partial(side_distance, degrees), gradient=partial(side_gradient, side))
      for side, degrees in SIDE_ANGLES.items()),
    *(LightKind(corner, distance=partial(corner_distance, corner), gradient=partial(corner_gradient, corner))
      for corner in CORNER_ANGLES),
    LightKind("ambient", gradient=flat_gradient, levels=AMBIENT_RANGE),
    LightKind("angle", ("light_angle",), angle_distance),
    LightKind("spot", ("light_x", "light_y", "light_radius"), spot_distance),
    LightKind("custom", ("light_map",), is_computed=False),
)}
LIGHTS = tuple(KINDS)
COMPUTED_LIGHTS = tuple(name for name, kind in KINDS.items() if kind.is_computed)
DIRECTIONS = (*SIDE_ANGLES, *CORNER_ANGLES)


def kinds_with(name: str) -> tuple[str, ...]:
    """Return the names of the kinds that use a field."""
    return tuple(kind.name for kind in KINDS.values() if name in kind.fields)


def kind_of(light: LightFields) -> LightKind:
    """Return the kind of a light; an angle that is a multiple of 90 degrees is the side it comes from."""
    if light.light == "angle":
        sides = [side for side, degrees in SIDE_ANGLES.items() if degrees == light.light_angle % 360]
        return KINDS[sides[0] if sides else "angle"]
    return KINDS[light.light]
