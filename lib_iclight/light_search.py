"""Finds the directions of up to three lights by least squares: the light at a pixel is ambient + sum of strength_k * s_k.

s_k is the wrapped Lambert of depth.py and all strengths are >= 0. Directions come from a grid over the sphere, refined by smaller
ones.
"""

from __future__ import annotations

import math
from itertools import combinations
from typing import NamedTuple

import numpy as np

from .depth import WRAP, wrapped_lambert

GRID, REFINEMENTS = 240, (10.0, 5.0, 2.5, 1.2)
"""Directions of the first grid, and the radii in degrees of the smaller ones."""
GAIN, FLOOR = 0.9, 5e-4
"""Another light is kept if it lowers the squared error to this share of it, while that is above this share of the variance."""


class Pixels(NamedTuple):
    """normals: [N, 3].  brightness: linear light without the surface's gain, [N].  weights: [N], 0..1."""

    normals: np.ndarray
    brightness: np.ndarray
    weights: np.ndarray


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
