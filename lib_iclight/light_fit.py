"""Estimates the lights of a photograph: up to three directions and ambient light, by least squares over the subject's surface.

Linear light at a pixel is modelled as gain * (ambient + sum of colour_k * s_k), see light_search.py for the lights and
surface_gains.py for the gain, the surface's own brightness.
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from .errors import IcLightError
from .light_kinds import AMBIENT_RANGE
from .light_search import GRID, Pixels, coefficients, residual, search, sphere
from .srgb import to_linear, to_srgb
from .surface import Surface
from .surface_gains import best_fit

MAX_LIGHTS = 3
SAMPLES = 3000
"""Pixels that are fitted at most, evenly taken from the subject."""
INSIDE, FEWEST = 0.9, 50
EVEN_SURFACE = 0.02
"""Share of the variance that lights may leave on a surface of one colour."""
BRIGHTEST_PERCENTILE = 98
LUMA = np.array([0.2126, 0.7152, 0.0722])


def fit_lights(image: np.ndarray, surface: Surface, most: int = MAX_LIGHTS) -> list[dict[str, Any]]:
    """Return entries of `lights`, the brightest direction first and ambient light last, that light the surface as in the image.

    image: uint8 [H, W, 3].  surface: of the same size.  most: lights with a direction, 1 to 3. The brightest has intensity 1.
    Raises IcLightError if the subject is too small or shows no light.
    """
    normals, colors = samples(image, surface)
    brightness = colors @ LUMA
    if brightness.max() < 1e-3:
        raise IcLightError("`light_from` is black where the subject is, so it shows no light; send another image.")
    pixels = Pixels(normals, brightness, rarity(normals))
    directions = search(pixels, most)
    if residual(pixels, directions) < EVEN_SURFACE * residual(pixels, directions[:0]):
        return as_lights(directions, coefficients(pixels, directions, colors))
    fit = best_fit(pixels, colors, directions, most)
    return as_lights(fit.directions, coefficients(fit.pixels, fit.directions, colors / fit.gains[:, None]))


def rarity(normals: np.ndarray) -> np.ndarray:
    """Return a weight for each pixel, 0..1, so that every direction of the surface counts alike: large flat faces count less."""
    cells = np.argmax(normals @ sphere(GRID).T, axis=1)
    return 1 / np.maximum(np.bincount(cells)[cells], 1)


def samples(image: np.ndarray, surface: Surface) -> tuple[np.ndarray, np.ndarray]:
    """Return normals [N, 3] and linear colours [N, 3] of inner pixels; the brightest, which may be highlights, are left out."""
    places = np.flatnonzero(surface.matte.ravel() > INSIDE)
    if len(places) < FEWEST:
        raise IcLightError(f"`light_from` shows {len(places)} pixels of a subject, too few to find its light; send a larger "
                           "one.")
    places = places[np.linspace(0, len(places) - 1, min(len(places), SAMPLES)).astype(int)]
    colors = to_linear(image.reshape(-1, 3)[places] / 255)
    brightness = colors @ LUMA
    kept = brightness <= np.percentile(brightness, BRIGHTEST_PERCENTILE)
    return surface.normals.reshape(-1, 3)[places][kept], colors[kept]


def as_lights(directions: np.ndarray, colors: np.ndarray) -> list[dict[str, Any]]:
    """Return entries of `lights`. colors: linear, the ambient light's first, [1 + K, 3]."""
    strength = colors.max(axis=1)
    brightest = max(strength[1:].max(initial=0.0), 1e-6) if len(directions) else strength[0]
    lights = []
    for index in np.argsort(-strength[1:]):
        x, y, z = directions[index]
        lights.append({"light": "angle", "light_angle": round(math.degrees(math.atan2(y, x)) % 360, 1),
                       "light_elevation": round(math.degrees(math.asin(min(1.0, max(-1.0, z)))), 1),
                       **colored(colors[1 + index], strength[1 + index] / brightest)})
    own = float(to_linear(np.asarray(AMBIENT_RANGE["fc"][0] / 255)))
    return [*lights, {"light": "ambient", **colored(colors[0], strength[0] / brightest / own)}]


def colored(color: np.ndarray, intensity: float) -> dict[str, Any]:
    levels = np.round(to_srgb(color / max(color.max(), 1e-9)) * 255).astype(int).clip(0, 255)
    return {"light_color": "#" + "".join(f"{level:02x}" for level in levels), "intensity": round(min(float(intensity), 2.0), 3)}
