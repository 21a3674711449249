"""Expands a set of lights into the parameters of each image: sides, directions, one light each, or the frames of a sweep."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import fields, replace
from itertools import pairwise
from typing import Any

import numpy as np

from .colors import parse_color
from .errors import IcLightError
from .light_kinds import DIRECTION_ANGLES, KINDS
from .light_map import all_lights, light_range
from .params import LIGHT_FIELDS, SET_FIELDS, IcLightParams
from .srgb import to_linear, to_srgb

NAMED_SETS = {
    "sides": ("left", "right", "top", "bottom"),
    "normals": ("left", "right", "bottom", "top"),
    "even": ("left", "right", "bottom", "top"),
    "directions": ("left", "top-left", "top", "top-right", "right", "bottom-right", "bottom", "bottom-left"),
}
"""The lights of the sets that need no list, in the order of their images."""
NUMBERS = tuple(item.name for item in fields(IcLightParams)
                if item.name in LIGHT_FIELDS and item.type == "float" and item.name != "light_angle")
"""The fields of a light that a sweep mixes evenly."""


def expand_set(params: IcLightParams) -> tuple[IcLightParams, ...]:
    """Return the parameters of each image of the job, each without fields of a set; one entry when `set` is none.

    sides, directions and normals replace `light` and keep its other fields and `lights`; lights gives each light an image of
    its own; sweep gives `set_frames` images from the first light to the last. Raises IcLightError for a set without enough
    lights.
    """
    return tuple(lights_of_set(params))


def set_size(params: IcLightParams) -> int:
    """Return the number of entries of `expand_set`, 1 without a set."""
    if params.set in NAMED_SETS:
        return len(NAMED_SETS[params.set])
    return {"none": 1, "sweep": params.set_frames}.get(params.set, len(all_lights(params)))


def first_of_set(params: IcLightParams) -> IcLightParams:
    """Return the first entry of `expand_set` without computing the others."""
    return next(lights_of_set(params))


def lights_of_set(params: IcLightParams) -> Iterator[IcLightParams]:
    """Yield the entries of `expand_set`."""
    if params.set == "none":
        yield params
        return
    check_set(params)
    lights = all_lights(params)
    if params.set in NAMED_SETS:
        yield from (replace(params, **{**SET_FIELDS, "light": name}) for name in NAMED_SETS[params.set])
    elif params.set == "sweep":
        yield from sweep(params, lights)
    else:
        yield from (with_light(params, light) for light in lights)


def check_set(params: IcLightParams) -> None:
    """Raise IcLightError if the set cannot be made of their lights."""
    if params.light == "custom" and params.set != "lights":
        raise IcLightError(f"`set` is {params.set!r} but `light` is 'custom', which is one image; choose another light, or set "
                           "`set` to 'none'.")
    count = len(all_lights(params))
    if params.set not in NAMED_SETS and count < 2:
        raise IcLightError(f"`set` is {params.set!r} but the number of lights is {count}; it needs at least 2: add entries to "
                           "`lights`.")


def with_light(params: IcLightParams, light: IcLightParams, *more: dict[str, Any]) -> IcLightParams:
    """Return params with the light fields of `light`, `more` as its further lights, and no set."""
    return replace(params, lights=more, **SET_FIELDS, **light_fields(light))


def light_name(params: IcLightParams) -> str:
    """Return the lights of one image as a label: "left", "angle 30 + ambient", "spot 0.2, 0.5"."""
    return " + ".join(map(_label, all_lights(params))) or "none"


def _label(light: IcLightParams) -> str:
    kind = KINDS[light.light]
    if kind.has_position:
        used = (name for name in ("light_x", "light_y") if name in kind.fields)
        return f"{light.light} " + ", ".join(f"{getattr(light, name):.2g}" for name in used)
    return f"{light.light} {light.light_angle:.0f}" if kind.has_angle else light.light


def light_fields(light: IcLightParams) -> dict[str, Any]:
    return {name: getattr(light, name) for name in LIGHT_FIELDS}


# Sweep ------------------------------------------------------------------------------------------------------------

def sweep(params: IcLightParams, keys: list[IcLightParams]) -> Iterator[IcLightParams]:
    """Yield `set_frames` frames through the lights in `keys`, and back to the first one when `set_loop` is on."""
    keys = [as_angle(light) for light in keys]
    pairs = list(pairwise([*keys, keys[0]] if params.set_loop else keys))
    last = params.set_frames if params.set_loop else params.set_frames - 1
    for frame in range(params.set_frames):
        place = frame * len(pairs) / last
        index = min(int(place), len(pairs) - 1)
        yield between(params, *pairs[index], eased(place - index, params.set_easing))


def neighbours(params: IcLightParams, frame: int) -> list[int]:
    """Return the frames before and after one of a sweep, [] for other sets."""
    if params.set != "sweep":
        return []
    count = params.set_frames
    return [near % count for near in (frame - 1, frame + 1) if params.set_loop or 0 <= near < count]


def eased(share: float, easing: str) -> float:
    """Return the share of the way, 0..1: as it is, or 3 s^2 - 2 s^3 for smooth."""
    return share * share * (3 - 2 * share) if easing == "smooth" else share


def as_angle(light: IcLightParams) -> IcLightParams:
    """Return a side or a corner as the kind "angle", so that neighbouring frames have maps of one formula."""
    if light.light in DIRECTION_ANGLES:
        return replace(light, light="angle", light_angle=DIRECTION_ANGLES[light.light])
    return light


def between(params: IcLightParams, a: IcLightParams, b: IcLightParams, share: float) -> IcLightParams:
    """Return params with the light at `share`, 0..1, of the way from a to b.

    Lights of unlike kinds are cross-faded: each changes evenly in sRGB, since even steps in linear light would begin with a jump.
    """
    if share in (0.0, 1.0):
        return with_light(params, b if share else a)
    if a.light == b.light:
        return with_light(params, replace(a, **blended(a, b, share)))
    out, into = (float(to_linear(np.asarray(part))) for part in (1 - share, share))
    return with_light(params, replace(a, intensity=a.intensity * out), light_fields(replace(b, intensity=b.intensity * into)))


def blended(a: IcLightParams, b: IcLightParams, share: float) -> dict[str, Any]:
    """Return the fields between two lights of one kind: angles the short way, colours in linear light, others linearly."""
    def mix(one: float, other: float) -> float:
        return one + (other - one) * share

    turn = (b.light_angle - a.light_angle + 180) % 360 - 180
    mixed: dict[str, Any] = {name: mix(getattr(a, name), getattr(b, name)) for name in NUMBERS}
    mixed["light_angle"] = (a.light_angle + turn * share) % 360
    for name, one, other in zip(("light_start", "light_end"), light_range(a, "fc"), light_range(b, "fc"), strict=True):
        if getattr(a, name) is not None or getattr(b, name) is not None:
            mixed[name] = mix(one, other)
    return {**mixed, "light_color": mixed_color(a.light_color, b.light_color, share)}


def mixed_color(a: str, b: str, share: float) -> str:
    """Return the colour between two as #rrggbb, mixed in linear light."""
    if a == b:
        return a
    one, other = (to_linear(parse_color(color) / 255) for color in (a, b))
    levels = np.round(to_srgb(one + (other - one) * share) * 255).astype(int)
    return "#" + "".join(f"{level:02x}" for level in levels)
