"""The whole light of a request: any angle, spots, colours, fall-off, several lights added as real light adds.

A plain white light of the original (a side, a corner, ambient, gamma 1) goes through `light.compute_light_map` and
keeps its bits. Everything else is computed in float64 by formulas short enough to be written again in a browser.
"""

from __future__ import annotations

import math

import numpy as np

from .colors import is_white, parse_color
from .errors import IcLightError
from .light import compute_light_map, light_range
from .params import LIGHTS, IcLightParams
from .srgb import to_linear, to_srgb

SIDES = {0.0: "right", 90.0: "top", 180.0: "left", 270.0: "bottom"}
AS_ENTRY = tuple(light for light in LIGHTS if light not in ("none", "custom"))


def check_lights(params: IcLightParams) -> None:
    """Refuse entries of `lights` that have no map of their own; every other light can be made."""
    for number, entry in enumerate(params.lights, 1):
        light = entry.get("light", "none")
        if light not in AS_ENTRY:
            raise IcLightError(f"`lights` entry {number} is {light!r}; choose one of {', '.join(AS_ENTRY)} for it.")


def all_lights(params: IcLightParams) -> list[IcLightParams]:
    """The request's lights in order: its own `light` unless that is none, then each entry of `lights`."""
    own = [] if params.light == "none" else [params]
    return own + [IcLightParams(**entry) for entry in params.lights]


def has_light(params: IcLightParams) -> bool:
    return params.light != "none" or bool(params.lights)


def render_lights(params: IcLightParams, kind: str, width: int, height: int,
                  custom: np.ndarray | None = None) -> np.ndarray:
    """Return the light map of all lights, uint8 [height, width, 3]; kind "fc" | "fcon" | "fbc" gives the range.

    custom: uint8 [height, width, 3], the map for light "custom". Several lights are added in linear light (sRGB) and
    clipped at white. Raises IcLightError when there is no light at all.
    """
    check_lights(params)
    lights = all_lights(params)
    if not lights:
        raise IcLightError(f"There is no light to compute: `light` is none; choose one of {', '.join(AS_ENTRY)}.")
    if len(lights) == 1:
        return render_light(lights[0], kind, width, height, custom)
    total = sum(linear_light(light, kind, width, height, custom) for light in lights)
    return to_bytes(to_srgb(total) * 255)


def render_light(light: IcLightParams, kind: str, width: int, height: int, custom: np.ndarray | None) -> np.ndarray:
    """One light alone, uint8 [height, width, 3]."""
    white = is_white(light.light_color)
    name = named(light)
    if white and light.light == "custom":
        return custom.copy()
    if white and name is not None and light.light_gamma == 1.0:
        return compute_light_map(name, width, height, *light_range(light, kind))
    if white:
        return to_bytes(np.repeat(grey_levels(light, kind, width, height)[..., None], 3, axis=-1))
    return to_bytes(to_srgb(linear_light(light, kind, width, height, custom)) * 255)


def linear_light(light: IcLightParams, kind: str, width: int, height: int, custom: np.ndarray | None) -> np.ndarray:
    """One light as linear light, float64 [height, width, 3] in 0..1, its colour multiplied in."""
    is_map = light.light == "custom"
    levels = custom.astype(np.float64) if is_map else grey_levels(light, kind, width, height)[..., None]
    return to_linear(levels / 255) * to_linear(parse_color(light.light_color) / 255)


def grey_levels(light: IcLightParams, kind: str, width: int, height: int) -> np.ndarray:
    """float64 [height, width], 0..255: end + (start - end) * (1 - distance) ** gamma."""
    start, end = light_range(light, kind)
    if light.light == "ambient":
        return np.full((height, width), start, np.float64)
    return end + (start - end) * (1.0 - distance(light, width, height)) ** light.light_gamma


def distance(light: IcLightParams, width: int, height: int) -> np.ndarray:
    """float64 [height, width], 0 where the light is brightest, 1 where it has ended."""
    x, y = np.arange(width, dtype=np.float64)[None, :], np.arange(height, dtype=np.float64)[:, None]
    right, bottom = max(width - 1, 1), max(height - 1, 1)
    if light.light == "spot":
        radius = light.light_radius * max(width, height)
        away = np.hypot(x - light.light_x * right, y - light.light_y * bottom) / radius
        near = 1.0 - np.minimum(away, 1.0)
        return 1.0 - near * near * (3.0 - 2.0 * near)
    name = named(light)
    if name is not None and "-" in name:
        u = x / right if "left" in name else 1.0 - x / right
        v = y / bottom if "top" in name else 1.0 - y / bottom
        return np.hypot(u, v) / math.sqrt(2.0)
    degrees = light.light_angle if name is None else next(angle for angle, side in SIDES.items() if side == name)
    toward_x, toward_y = math.cos(math.radians(degrees)), -math.sin(math.radians(degrees))
    reach = (abs(toward_x) * right + abs(toward_y) * bottom) / 2
    along = (x - right / 2) * toward_x + (y - bottom / 2) * toward_y
    return np.clip(0.5 - along / (2 * reach), 0.0, 1.0)


def named(light: IcLightParams) -> str | None:
    """The named light that this one is: a multiple of 90 degrees is a side; None for other angles, spots and custom."""
    if light.light == "angle":
        return SIDES.get(light.light_angle % 360)
    return None if light.light in ("spot", "custom") else light.light


def to_bytes(levels: np.ndarray) -> np.ndarray:
    """Truncate 0..255 as the original does; a thousandth is added first, or the sRGB round trip would lose levels."""
    return np.floor(levels.clip(0, 255) + 1e-3).astype(np.uint8)
