"""Estimates the lights of a photograph: up to three directions and ambient light, by least squares over the subject's surface.

Linear light at a pixel is modelled as gain * (ambient + sum of colour_k * s_k), with s_k the wrapped Lambert of depth.py and all
colours >= 0. Directions come from a grid over the sphere, refined by smaller ones. The gain is one for each hue of the surface,
and pixels that fit badly, such as highlights, lose their weight; both are estimated again after each round.
"""

from __future__ import annotations

import math
from itertools import combinations
from typing import Any, NamedTuple

import numpy as np

from .depth import WRAP, wrapped_lambert
from .errors import IcLightError
from .light_kinds import AMBIENT_RANGE
from .srgb import to_linear, to_srgb
from .surface import Surface

MAX_LIGHTS = 3
SAMPLES = 3000
"""Pixels that are fitted at most, evenly taken from the subject."""
INSIDE, FEWEST = 0.9, 50
GRID, REFINEMENTS = 240, (10.0, 5.0, 2.5, 1.2)
"""Directions of the first grid, and the radii in degrees of the smaller ones."""
GAIN, FLOOR = 0.9, 5e-4
"""Another light is kept if it lowers the squared error to this share of it, while that is above this share of the variance."""
EVEN_SURFACE = 0.02
"""Share of the variance that lights may leave on a surface of one colour."""
BRIGHTEST_PERCENTILE = 98
ROUNDS, HUES, EVEN_CHROMA = 3, 12, 0.02
"""Rounds of estimation; bins of chromaticity, and the range of it below which the surface has one colour."""
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
    hues, pixels = hue_bins(colors), Pixels(normals, brightness, rarity(normals))
    base, directions = pixels.weights, search(pixels, most)
    is_even = residual(pixels, directions) < EVEN_SURFACE * residual(pixels, directions[:0])
    gains = np.ones(len(normals))
    for _ in range(0 if is_even else ROUNDS):
        gains = surface_gains(brightness, predicted(pixels, directions), hues)
        pixels = reweighted(Pixels(normals, brightness / gains, base), directions)
        directions = search(pixels, most)
    return as_lights(directions, coefficients(pixels, directions, colors / gains[:, None]))


class Pixels(NamedTuple):
    """normals: [N, 3].  brightness: linear light without the surface's gain, [N].  weights: [N], 0..1."""

    normals: np.ndarray
    brightness: np.ndarray
    weights: np.ndarray


def rarity(normals: np.ndarray) -> np.ndarray:
    """Return a weight for each pixel, 0..1, so that every direction of the surface counts alike: large flat faces count less."""
    cells = np.argmax(normals @ sphere(GRID).T, axis=1)
    return 1 / np.maximum(np.bincount(cells)[cells], 1)


def hue_bins(colors: np.ndarray) -> np.ndarray:
    """Return each pixel's bin, 0 to HUES - 1, along the axis on which the chromaticities differ most."""
    chroma = colors / np.maximum(colors.sum(axis=1, keepdims=True), 1e-6)
    spread = chroma - chroma.mean(axis=0)
    along = spread @ np.linalg.eigh(spread.T @ spread)[1][:, -1]
    reach = max(float(np.ptp(along)), EVEN_CHROMA)
    return ((along - along.min()) / reach * (HUES - 1e-6)).astype(int)


def surface_gains(brightness: np.ndarray, model: np.ndarray, hues: np.ndarray) -> np.ndarray:
    """Return the surface's brightness at each pixel, the median of its hue; 1 is that of the most frequent hue."""
    counts = np.bincount(hues, minlength=HUES)
    ratio = brightness / np.maximum(model, 1e-6)
    own = np.array([np.median(ratio[hues == hue]) if counts[hue] >= FEWEST else 1.0 for hue in range(HUES)])
    return np.maximum(own / own[np.argmax(counts)], 0.05)[hues]


def reweighted(pixels: Pixels, directions: np.ndarray) -> Pixels:
    """Return the pixels with Tukey's biweights of their residuals, with c = 4.685 standard deviations by the median."""
    off = np.abs(pixels.brightness - predicted(pixels, directions))
    limit = 4.685 * 1.4826 * max(float(np.median(off)), 1e-6)
    return pixels._replace(weights=pixels.weights * np.maximum(1 - (off / limit) ** 2, 0.0) ** 2)


def search(pixels: Pixels, most: int) -> np.ndarray:
    """Return the directions of up to `most` lights, [K, 3]; another one has to lower the error to GAIN of it."""
    directions = np.empty((0, 3))
    error = whole = residual(pixels, directions)
    for _ in range(most):
        more = with_one_more(pixels, directions)
        if (found := residual(pixels, more)) > GAIN * error or error < FLOOR * whole:
            break
        directions, error = more, found
    return directions


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


def with_one_more(pixels: Pixels, directions: np.ndarray) -> np.ndarray:
    """Return the directions with another one, all refined together, [K + 1, 3]."""
    grid = sphere(GRID)
    if len(directions) == 1:
        directions = best_pair(pixels, grid)
    else:
        directions = best_of(pixels, directions, len(directions), grid)
    for radius in REFINEMENTS:
        for _ in range(len(directions)):
            for index in range(len(directions)):
                directions = best_of(pixels, directions, index, around(directions[index], radius))
    return directions


def best_of(pixels: Pixels, directions: np.ndarray, index: int, candidates: np.ndarray) -> np.ndarray:
    """Return the directions with the best candidate in place of one, or as another one."""
    others = np.delete(directions, index, axis=0) if index < len(directions) else directions
    made = [np.insert(others, min(index, len(others)), candidate, axis=0) for candidate in candidates]
    return made[int(np.argmin(errors(pixels, np.stack(made))))]


def best_pair(pixels: Pixels, grid: np.ndarray) -> np.ndarray:
    pairs = np.array(list(combinations(range(0, len(grid), 2), 2)))
    return grid[pairs[int(np.argmin(errors(pixels, grid[pairs])))]]


def errors(pixels: Pixels, sets: np.ndarray) -> np.ndarray:
    """Return the mean squared error of each set of directions, [M, K, 3] -> [M]; infinite where a light would be negative."""
    unique, where = np.unique(sets.reshape(-1, 3), axis=0, return_inverse=True)
    shades = columns(pixels, unique)
    total = pixels.weights.sum()
    weighted = shades * pixels.weights[:, None]
    gram, right = shades.T @ weighted / total, weighted.T @ pixels.brightness / total
    used = np.column_stack([np.zeros(len(sets), int), where.reshape(len(sets), -1) + 1])
    matrices = gram[used[:, :, None], used[:, None, :]] + 1e-9 * np.eye(used.shape[1])
    found = np.linalg.solve(matrices, right[used][..., None])[..., 0]
    error = (pixels.weights * pixels.brightness ** 2).sum() / total - (found * right[used]).sum(axis=1)
    return np.where((found < -1e-4).any(axis=1), np.inf, error)


def predicted(pixels: Pixels, directions: np.ndarray) -> np.ndarray:
    """Return the brightness that lights of these directions give each pixel, [N]."""
    return columns(pixels, directions) @ coefficients(pixels, directions, pixels.brightness[:, None])[:, 0]


def residual(pixels: Pixels, directions: np.ndarray) -> float:
    off = pixels.brightness - predicted(pixels, directions)
    return float((pixels.weights * off ** 2).sum() / pixels.weights.sum())


def coefficients(pixels: Pixels, directions: np.ndarray, colors: np.ndarray) -> np.ndarray:
    """Return the ambient light and each direction's colour, at least 0, [1 + K, channels]."""
    root = np.sqrt(pixels.weights)[:, None]
    return np.maximum(0.0, np.linalg.lstsq(columns(pixels, directions) * root, colors * root, rcond=None)[0])


def columns(pixels: Pixels, directions: np.ndarray) -> np.ndarray:
    """Return the light at each pixel of ambient light and of each direction, [N, 1 + K]."""
    return np.column_stack([np.ones(len(pixels.normals)), shading_of(pixels.normals, directions)])


def shading_of(normals: np.ndarray, directions: np.ndarray) -> np.ndarray:
    """Return the wrapped Lambert of each direction at each normal, [N, K]."""
    return wrapped_lambert(normals[:, None], directions[None], WRAP)


def sphere(count: int) -> np.ndarray:
    """Return directions spread evenly over the part of the sphere from 40 degrees behind the image plane, [count, 3]."""
    low = math.sin(math.radians(-40))
    z = 1 - (np.arange(count) + 0.5) / count * (1 - low)
    turn = np.arange(count) * math.pi * (3 - math.sqrt(5))
    across = np.sqrt(1 - z * z)
    return np.column_stack([across * np.cos(turn), across * np.sin(turn), z])


def around(direction: np.ndarray, degrees: float) -> np.ndarray:
    """Return the direction and twelve at two distances around it, [13, 3]."""
    helper = np.array([1.0, 0.0, 0.0]) if abs(direction[0]) < 0.9 else np.array([0.0, 1.0, 0.0])
    first = np.cross(direction, helper)
    first /= np.linalg.norm(first)
    second = np.cross(direction, first)
    turns = np.arange(6) * math.pi / 3
    near = [direction + math.tan(math.radians(degrees * share)) * (np.cos(turn) * first + np.sin(turn) * second)
            for share in (0.5, 1.0) for turn in turns + share]
    made = np.stack([direction, *near])
    return made / np.linalg.norm(made, axis=1, keepdims=True)


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
