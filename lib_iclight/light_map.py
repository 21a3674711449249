"""Computes the light map of a request: one light or several, as sRGB pixels for the VAE.

A single white light that IC-Light's demos have (a side, a corner, ambient; gamma and intensity 1) is bit-equal to theirs:
linspace, tile, truncation to uint8. Every other light is computed in float64 by formulas that javascript/relight/light_kinds.js
(fall-off) and light.js (levels, colour) repeat. A light with an elevation shades the subject's surface, see depth.py.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator

import numpy as np

from . import depth
from .colors import is_white, parse_color
from .errors import IcLightError
from .light_kinds import COMPUTED_LIGHTS, KINDS, Band, kind_of
from .params import IcLightParams
from .srgb import to_linear, to_srgb
from .surface import Surface

BAND_PIXELS = 2**18
"""A map is computed in bands of about so many pixels, which need some 50 MB; a map of 512 x 512 is one band."""


def all_lights(params: IcLightParams) -> list[IcLightParams]:
    """Return the request's lights in order: its own `light` unless that is none, then each entry of `lights`."""
    own = [] if params.light == "none" else [params]
    return own + [IcLightParams(**entry) for entry in params.lights]


def has_light(params: IcLightParams) -> bool:
    return params.light != "none" or bool(params.lights)


def has_depth(params: IcLightParams) -> bool:
    """Return whether a light of the request is off the image plane, so that its map depends on the subject."""
    return any(map(depth.has_depth, all_lights(params)))


def default_range(model_kind: str, light: str) -> tuple[float, float]:
    """Return IC-Light's (start, end) grey levels, 0..255, for a model kind (fc, fcon, fbc) and a kind of light."""
    return KINDS[light].levels["fbc" if model_kind == "fbc" else "fc"]


def light_range(light: IcLightParams, model_kind: str) -> tuple[float, float]:
    """Return (start, end), 0..255: light_start and light_end, where None is the model's default."""
    start, end = default_range(model_kind, light.light)
    return (start if light.light_start is None else light.light_start,
            end if light.light_end is None else light.light_end)


def gradient_bytes(grey: np.ndarray) -> np.ndarray:
    return np.stack((grey,) * 3, axis=-1).clip(0, 255).astype(np.uint8)


def render_lights(params: IcLightParams, model_kind: str, width: int, height: int, custom: np.ndarray | None = None,
                  before_band: Callable[[], None] = lambda: None, surface: Surface | None = None) -> np.ndarray:
    """Return the light map of all lights, uint8 [height, width, 3].

    model_kind: fc | fcon | fbc, for the default range.  custom: uint8 [height, width, 3], the map for light "custom".
    surface: of the subject, [height, width], for lights with an elevation; None for no subject.
    before_band: called before each band is computed; it may raise to cancel.
    Several lights are added in linear light (sRGB) and clipped at white. Raises IcLightError when there is no light.
    """
    lights = all_lights(params)
    if not lights:
        raise IcLightError(f"There is no light to compute: `light` is none; choose one of {', '.join(COMPUTED_LIGHTS)}.")
    light_map = np.empty((height, width, 3), np.uint8)
    for band in bands(width, height):
        before_band()
        light_map[band.rows] = render_band(lights, model_kind, band, None if custom is None else custom[band.rows],
                                           None if surface is None else surface.rows(band.rows))
    return light_map


def render_linear(params: IcLightParams, model_kind: str, width: int, height: int, custom: np.ndarray | None = None,
                  before_band: Callable[[], None] = lambda: None, surface: Surface | None = None) -> np.ndarray:
    """Return the light map of all lights as linear light, float32 [height, width, 3], before it is clipped and rounded.

    Arguments as in render_lights. A single light of IC-Light's demos may differ from the rounded map by a level.
    """
    linear = np.empty((height, width, 3), np.float32)
    for band in bands(width, height):
        before_band()
        linear[band.rows] = sum_of_lights(all_lights(params), model_kind, band, None if custom is None else custom[band.rows],
                                          None if surface is None else surface.rows(band.rows))
    return linear


def bands(width: int, height: int) -> Iterator[Band]:
    rows = max(1, BAND_PIXELS // width)
    for first in range(0, height, rows):
        yield Band(width, height, first, min(first + rows, height))


def render_band(lights: list[IcLightParams], model_kind: str, band: Band, custom: np.ndarray | None,
                surface: Surface | None) -> np.ndarray:
    """Return a band of the map of all lights, uint8 [rows, width, 3]; custom, surface: the band of each."""
    if len(lights) == 1 and not depth.has_depth(lights[0]):
        return render_light(lights[0], model_kind, band, custom)
    return to_bytes(to_srgb(sum_of_lights(lights, model_kind, band, custom, surface)) * 255)


def sum_of_lights(lights: list[IcLightParams], model_kind: str, band: Band, custom: np.ndarray | None,
                  surface: Surface | None) -> np.ndarray:
    """Return a band of all lights as linear light, float64 [rows, width, 3]; 1 is white, several lights may be brighter."""
    total = linear_light(lights[0], model_kind, band, custom, surface)
    for light in lights[1:]:
        total += linear_light(light, model_kind, band, custom, surface)
    return total


def render_light(light: IcLightParams, model_kind: str, band: Band, custom: np.ndarray | None) -> np.ndarray:
    """Return a band of the map of one light alone in the image plane, uint8 [rows, width, 3]."""
    if not is_white(light.light_color) or light.intensity != 1.0:
        return to_bytes(to_srgb(linear_light(light, model_kind, band, custom)) * 255)
    if light.light == "custom":
        return given_map(custom)
    kind = kind_of(light)
    if kind.gradient is not None and light.light_gamma == 1.0:
        return gradient_bytes(kind.gradient(band, *light_range(light, model_kind)))
    return to_bytes(np.repeat(grey_levels(light, model_kind, band)[..., None], 3, axis=-1))


def linear_light(light: IcLightParams, model_kind: str, band: Band, custom: np.ndarray | None,
                 surface: Surface | None = None) -> np.ndarray:
    """Return a band of one light as linear light, float64 [rows, width, 3], with its intensity and colour; 1 is white.

    linear = max(0, shadow + intensity * (to_linear(level / 255) - shadow)) * colour, where shadow is the linear value of the
    shadow side's level; 0 for ambient light and custom maps, which have no shadow side. A light with an elevation has
    shadow + (to_linear(start / 255) - shadow) * shading on the surface.
    """
    if light.light == "custom":
        levels = given_map(custom).astype(np.float64)
    else:
        levels = grey_levels(light, model_kind, band)[..., None]
    linear, shadow = to_linear(levels / 255), shadow_level(light, model_kind)
    if surface is not None and depth.has_depth(light):
        lit = to_linear(np.asarray(light_range(light, model_kind)[0] / 255))
        shaded = shadow + (lit - shadow) * depth.shading(light, surface, band)
        linear = linear + (shaded[..., None] - linear) * depth.surface_share(light, surface)[..., None]
    if light.intensity != 1.0:
        linear = np.maximum(0.0, shadow + light.intensity * (linear - shadow))
    return linear * to_linear(parse_color(light.light_color) / 255)


def given_map(custom: np.ndarray | None) -> np.ndarray:
    if custom is None:
        raise IcLightError("`light` is 'custom' but `light_map` is missing; add the map or choose another light.")
    return custom


def shadow_level(light: IcLightParams, model_kind: str) -> float:
    """Return the linear value, 0..1, of the side away from the light; 0 for a light without one."""
    if kind_of(light).distance is None:
        return 0.0
    return float(to_linear(np.asarray(light_range(light, model_kind)[1] / 255)))


def grey_levels(light: IcLightParams, model_kind: str, band: Band) -> np.ndarray:
    """Return float64 [rows, width], 0..255: end + (start - end) * (1 - distance) ** gamma."""
    start, end = light_range(light, model_kind)
    distance_of = kind_of(light).distance
    if distance_of is None:
        return np.full(band.shape, start, np.float64)
    distance = distance_of(light, band)
    if depth.has_depth(light):
        distance = depth.surround_distance(light, distance, band)
    return end + (start - end) * (1.0 - distance) ** light.light_gamma


def to_bytes(levels: np.ndarray) -> np.ndarray:
    """Truncate 0..255 to uint8 as IC-Light does, after adding 0.001, without which the sRGB round trip loses levels."""
    return np.floor(levels.clip(0, 255) + 1e-3).astype(np.uint8)
