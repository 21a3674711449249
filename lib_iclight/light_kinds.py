"""Defines the kinds of light: for each value of the field `light`, the fields that it uses and the formula of its map.

To add a kind: an entry in KINDS, its counterpart in javascript/relight/light_kinds.js, its texts in localizations/zh_CN.json.
Choices, checks, the panel's visible fields and summary, depth, shadows and the X/Y/Z axes follow from the table.
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
    def light_elevation(self) -> float: ...
    @property
    def light_gamma(self) -> float: ...
    @property
    def light_x(self) -> float: ...
    @property
    def light_y(self) -> float: ...
    @property
    def light_radius(self) -> float: ...


@dataclass(frozen=True)
class Band:
    """The rows first..last-1 of a map of width x height pixels. A formula gives the same bits for a band as for the whole map."""

    width: int
    height: int
    first: int
    last: int

    @property
    def rows(self) -> slice:
        return slice(self.first, self.last)

    @property
    def shape(self) -> tuple[int, int]:
        return self.last - self.first, self.width


@dataclass(frozen=True)
class LightKind:
    """One value of `light`.

    fields: the fields that only this kind, or few kinds, use.
    distance: (light, band) -> float64 [rows, width], the fall-off from 0 (brightest) to 1 (no light left); None for a
    light without fall-off.
    gradient: (band, start, end) -> float64 grey levels [rows, width], as IC-Light's demos compute them; None for kinds
    that the demos lack.
    levels: default (start, end) grey levels by model family.
    words: what the panel's summary calls one such light; none where it names the angle.
    is_computed: False for none, and for custom, whose map is an image.
    """

    name: str
    fields: tuple[str, ...] = ()
    distance: Callable[[LightFields, Band], np.ndarray] | None = None
    gradient: Callable[[Band, float, float], np.ndarray] | None = None
    levels: Mapping[str, tuple[float, float]] = field(default_factory=lambda: DEMO_RANGE)
    is_computed: bool = True
    words: str = ""

    @property
    def has_position(self) -> bool:
        """Return whether such a light lies at light_x, light_y rather than in a direction.

        A kind with one of the two is a line: along the other it is as long as the image.
        """
        return bool({"light_x", "light_y"} & set(self.fields))

    @property
    def has_angle(self) -> bool:
        """Return whether light_angle is the direction of such a light."""
        return "light_angle" in self.fields

    @property
    def has_direction(self) -> bool:
        """Return whether light falls onto the subject from a side, so that it can be raised and cast a shadow."""
        return self.has_position or self.has_angle or self.name in DIRECTION_ANGLES


def side_gradient(side: str, band: Band, start: float, end: float) -> np.ndarray:
    """Return float64 [rows, width], a linear ramp with start at the named side, as the demos tile it."""
    if side in ("left", "right"):
        return np.tile(ramp(side == "left", band.width, start, end), (band.shape[0], 1))
    return np.tile(ramp(side == "top", band.height, start, end)[band.rows, None], (1, band.width))


def ramp(bright_first: bool, size: int, start: float, end: float) -> np.ndarray:
    """Return float64 [size]; each order has its own linspace, since a mirrored ramp can differ by a level."""
    return np.linspace(start, end, size) if bright_first else np.linspace(end, start, size)


def corner_gradient(corner: str, band: Band, start: float, end: float) -> np.ndarray:
    """Return float64 [rows, width]: start + (end - start) * sqrt(x^2 + y^2) / sqrt(2) from the named corner.

    LightSource of kijai/ComfyUI-IC-Light with multiplier 1.
    """
    vertical, horizontal = corner.split("-")
    x = ramp(horizontal == "left", band.width, 0, 1)
    y = ramp(vertical == "top", band.height, 0, 1)[band.rows]
    away = np.sqrt(x[None, :] ** 2 + y[:, None] ** 2) / np.sqrt(2)
    return start + (end - start) * away


def flat_gradient(band: Band, start: float, end: float) -> np.ndarray:
    return np.full(band.shape, start, np.float64)


def pixel_grid(band: Band) -> tuple[np.ndarray, np.ndarray, int, int]:
    """Return x [1, width], y [rows, 1] and the map's largest x and y, at least 1."""
    x, y = np.arange(band.width, dtype=np.float64)[None, :], np.arange(band.first, band.last, dtype=np.float64)[:, None]
    return x, y, max(band.width - 1, 1), max(band.height - 1, 1)


def direction_distance(degrees: float, band: Band) -> np.ndarray:
    """Return the fall-off along a direction, float64 [rows, width]: 0 and 1 at the two corners furthest along it."""
    x, y, right, bottom = pixel_grid(band)
    toward_x, toward_y = math.cos(math.radians(degrees)), -math.sin(math.radians(degrees))
    reach = (abs(toward_x) * right + abs(toward_y) * bottom) / 2
    along = (x - right / 2) * toward_x + (y - bottom / 2) * toward_y
    return np.clip(0.5 - along / (2 * reach), 0.0, 1.0)


def side_distance(degrees: float, light: LightFields, band: Band) -> np.ndarray:
    return direction_distance(degrees, band)


def angle_distance(light: LightFields, band: Band) -> np.ndarray:
    return direction_distance(light.light_angle, band)


def corner_distance(corner: str, light: LightFields, band: Band) -> np.ndarray:
    x, y, right, bottom = pixel_grid(band)
    u = x / right if "left" in corner else 1.0 - x / right
    v = y / bottom if "top" in corner else 1.0 - y / bottom
    return np.hypot(u, v) / math.sqrt(2.0)


def spot_distance(light: LightFields, band: Band) -> np.ndarray:
    """Return the fall-off of a spot, float64 [rows, width]: 1 - smoothstep(1 - r), r = distance from its centre / radius."""
    x, y, right, bottom = pixel_grid(band)
    radius = light.light_radius * max(band.width, band.height)
    away = np.hypot(x - light.light_x * right, y - light.light_y * bottom) / radius
    near = 1.0 - np.minimum(away, 1.0)
    return 1.0 - near * near * (3.0 - 2.0 * near)


SIDE_ANGLES = {"left": 180.0, "right": 0.0, "top": 90.0, "bottom": 270.0}
CORNER_ANGLES = {"top-left": 135.0, "top-right": 45.0, "bottom-left": 225.0, "bottom-right": 315.0}
PLACES = {"left": "from the left", "right": "from the right", "top": "from above", "bottom": "from below",
          "top-left": "from the top left corner", "top-right": "from the top right corner",
          "bottom-left": "from the bottom left corner", "bottom-right": "from the bottom right corner"}
KINDS = {kind.name: kind for kind in (
    LightKind("none", is_computed=False, words="Light from the prompt"),
    *(LightKind(side, distance=partial(side_distance, degrees), gradient=partial(side_gradient, side),
                words=f"1 light {PLACES[side]}") for side, degrees in SIDE_ANGLES.items()),
    *(LightKind(corner, distance=partial(corner_distance, corner), gradient=partial(corner_gradient, corner),
                words=f"1 light {PLACES[corner]}") for corner in CORNER_ANGLES),
    LightKind("ambient", gradient=flat_gradient, levels=AMBIENT_RANGE, words="1 ambient light"),
    LightKind("angle", ("light_angle",), angle_distance),
    LightKind("spot", ("light_x", "light_y", "light_radius"), spot_distance, words="1 spot light"),
    LightKind("custom", ("light_map",), is_computed=False, words="Light by your own map"),
)}
LIGHTS = tuple(KINDS)
COMPUTED_LIGHTS = tuple(name for name, kind in KINDS.items() if kind.is_computed)
DIRECTION_ANGLES = {**SIDE_ANGLES, **CORNER_ANGLES}
DIRECTIONS = tuple(DIRECTION_ANGLES)


def kinds_with(name: str) -> tuple[str, ...]:
    """Return the names of the kinds that use a field."""
    return tuple(kind.name for kind in KINDS.values() if name in kind.fields)


def ignored_fields(name: str) -> frozenset[str]:
    """Return the names of the light fields without effect on a kind of light."""
    kind = KINDS[name]
    ignored = {other for each in KINDS.values() for other in each.fields} - {*kind.fields, "light_map"}
    if not kind.has_direction:
        ignored.add("light_elevation")
    if kind.distance is None:
        ignored |= {"light_gamma", "light_end"}
    if not kind.is_computed:
        ignored.add("light_start")
    if name == "none":
        ignored |= {"light_color", "intensity"}
    return frozenset(ignored)


def kind_of(light: LightFields) -> LightKind:
    """Return the kind of a light; an angle that is a multiple of 90 degrees is the side it comes from."""
    if light.light == "angle":
        sides = [side for side, degrees in SIDE_ANGLES.items() if degrees == light.light_angle % 360]
        return KINDS[sides[0] if sides else "angle"]
    return KINDS[light.light]
