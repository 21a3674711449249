"""Computes the shadow that a subject casts on the ground it stands on, from its matte and the lights of a request."""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np
from PIL import Image

from .colors import parse_color
from .depth import direction
from .detail import LUMINANCE
from .light_kinds import DIRECTION_ANGLES, LightFields, kind_of
from .params import IcLightParams
from .srgb import to_linear, to_srgb

GRID = 512
"""Longer side in pixels up to which a shadow is computed; larger ones are enlarged, since shadows are soft."""
FORESHORTENING = 0.3
"""Depth on the ground over its height in the image: the camera looks down by 17 degrees."""
LEAN = 0.5
"""Added to every light's z, so that a light in the image plane casts its shadow a little behind the subject."""
LOWEST_LIGHT = 0.7
"""Least sine of a light's height above the ground, 45 degrees, which bounds the shadow's length."""
FLATTEST = 0.05
"""Smallest absolute slope of a shadow into the depth: no shadow has the height 0."""
FOOT = 0.08
"""Share of the subject's height, from its lowest edge, that touches the ground."""
CONTACT_GAIN = 3.0
SHARPEST = 0.012
"""Blur at the contact as a share of the subject's height; at the shadow's far end `softness` * PENUMBRA is added."""
PENUMBRA, CONTACT_PENUMBRA = 0.2, 0.04


def shadow_alpha(matte: np.ndarray, lights: Sequence[IcLightParams], strength: float, softness: float) -> np.ndarray:
    """Return the opacity of a black layer that is the shadow, uint8 [H, W].

    matte: float [H, W], 0..1.  lights: of the request.  strength, softness: 0..1. The light that is left on the ground is
    T = 1 - strength * density(x, y) in linear light, encoded as sRGB; the layer's opacity is 1 - to_srgb(T).
    """
    remaining = 1 - strength * shadow_density(matte, lights, softness)
    return np.round(255 * (1 - to_srgb(remaining).clip(0, 1))).astype(np.uint8)


def darken(image: np.ndarray, alpha: np.ndarray) -> np.ndarray:
    """Composite a black layer of opacity alpha, uint8 [H, W], over an image: uint8 [H, W, 3], rounded."""
    return np.rint(image * (1 - alpha[..., None] / 255)).astype(np.uint8)


def shadow_density(matte: np.ndarray, lights: Sequence[IcLightParams], softness: float) -> np.ndarray:
    """Return how much of the light is blocked on the ground, float64 [H, W], 0..1.

    1 - (1 - cast) (1 - contact), where cast is the sum of the lights' cast shadows, each times its share of all light, and
    contact the darkness where the lowest FOOT of the subject touches the ground. A subject without a visible part has none.
    """
    grid = shrunk(matte)
    rows = np.flatnonzero(grid.max(axis=1) >= 0.5)
    if not len(rows):
        return np.zeros(matte.shape)
    base, height = rows[-1] + 1.0, float(rows[-1] + 1 - rows[0])
    up = base - 0.5 - np.arange(len(grid))
    grid = grid * (up > 0)[:, None]
    foot = grid * (1 - up / (FOOT * height)).clip(0, 1)[:, None]
    blur = np.full(len(grid), height * (SHARPEST + CONTACT_PENUMBRA * softness))
    unblocked = 1 - (CONTACT_GAIN * moved(foot, np.zeros(len(grid)), base - up, blur, 1.0)).clip(0, 1)
    blur = height * SHARPEST + PENUMBRA * softness * up.clip(0)
    cast = np.zeros_like(grid)
    for light, share in shares(lights):
        across, back, visible = slopes(towards(light, grid))
        cast += share * visible * moved(grid, across * up, base - back * up, blur, abs(back)).clip(0, 1)
    return enlarged(1 - unblocked * (1 - cast.clip(0, 1)), matte.shape)


def moved(grid: np.ndarray, across: np.ndarray, down: np.ndarray, blur: np.ndarray, squeeze: float) -> np.ndarray:
    """Move each row of [H, W] by `across` to the place `down`, all in pixels, and blur it: float64 [H, W].

    result(x', y') = squeeze * sum over x, y of grid(x, y) N(x' - x - across(y); s) N(y' + 0.5 - down(y); s / 2 + 0.3), with N the
    normal distribution and s = blur(y); half of it, and 0.3 pixels, along the foreshortened depth. squeeze: rows of the
    result for a row of the grid, so that a flat area keeps its value.
    """
    height, width = grid.shape
    size = width + math.ceil(np.abs(across).max() + 4 * blur.max())
    frequency = 2 * math.pi * np.fft.rfftfreq(size)
    transfer = np.exp(-0.5 * (blur[:, None] * frequency) ** 2 - 1j * across[:, None] * frequency)
    spread = np.fft.irfft(np.fft.rfft(grid, size) * transfer, size)[:, :width]
    deviation = blur / 2 + 0.3
    place = (np.arange(height)[:, None] + 0.5 - down) / deviation
    return squeeze * (np.exp(-0.5 * place ** 2) / (deviation * math.sqrt(2 * math.pi))) @ spread


def slopes(light: tuple[float, float, float]) -> tuple[float, float, float]:
    """Return (across, back, visible) of a light's shadow, for each pixel of height above the ground.

    light: unit vector towards it.  across: pixels to the right; back: upwards in the image; visible: 0..1, less for lights
    from below, 0 from 30 degrees below the ground.
    """
    x, y, z = light
    rise = max(y, LOWEST_LIGHT)
    back = FORESHORTENING * (z + LEAN) / rise
    if abs(back) < FLATTEST:
        back = math.copysign(FLATTEST, back)
    return -x / rise, back, min(1.0, max(0.0, 1 + 2 * y))


def towards(light: LightFields, grid: np.ndarray) -> tuple[float, float, float]:
    """Return the unit vector towards a light: from the subject's centroid for one with a position, else its direction."""
    kind = kind_of(light)
    if not kind.has_position:
        return direction(DIRECTION_ANGLES.get(light.light, light.light_angle), light.light_elevation)
    height, width = grid.shape
    x = light.light_x * width - (np.arange(width) @ grid.sum(axis=0)) / grid.sum() if "light_x" in kind.fields else 0.0
    y = (np.arange(height) @ grid.sum(axis=1)) / grid.sum() - light.light_y * height if "light_y" in kind.fields else 0.0
    elevation = math.radians(min(max(light.light_elevation, -89), 89))
    z = light.light_radius * max(width, height) * math.tan(elevation)
    length = max(math.sqrt(x * x + y * y + z * z), 1e-9)
    return float(x / length), float(y / length), z / length


def shares(lights: Sequence[IcLightParams]) -> list[tuple[IcLightParams, float]]:
    """Return the lights that have a direction, each with its share of the luminance of all lights."""
    power = [light.intensity * float(to_linear(parse_color(light.light_color) / 255) @ LUMINANCE) for light in lights]
    total = max(sum(power), 1e-9)
    return [(light, one / total) for light, one in zip(lights, power, strict=True) if kind_of(light).has_direction]


def shrunk(matte: np.ndarray) -> np.ndarray:
    scale = min(1.0, GRID / max(matte.shape))
    size = tuple(max(1, round(side * scale)) for side in matte.shape[::-1])
    return np.asarray(Image.fromarray(np.asarray(matte, np.float32)).resize(size, Image.BOX), np.float64)


def enlarged(grid: np.ndarray, shape: tuple[int, ...]) -> np.ndarray:
    levels = Image.fromarray(grid.astype(np.float32)).resize(shape[::-1], Image.BICUBIC)
    return np.asarray(levels, np.float64).clip(0, 1)
