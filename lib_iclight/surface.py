"""The subject's shape as the light sees it: unit normals, from a normal map or inflated from the matte, and its edge."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from PIL import Image

SHAPE_SIZE = 128
"""Longer side in pixels of the grid on which a matte is inflated; the light pad computes its map at the same size."""
TOWARDS_VIEWER = (128, 128, 255)
"""Colour of the normal (0, 0, 1) in a normal map."""
SMOOTH_RADIUS, SMOOTH_PASSES = 3, 2
"""Of the box filter over the distances, against ridges along the matte's middle."""


@dataclass(frozen=True)
class Surface:
    """normals: float [H, W, 3], unit, x to the right, y up, z towards the viewer.  matte: float [H, W], 0..1.  edge: float
    [H, W], 0..1, 1 at the outline of the subject and 0 in its middle."""

    normals: np.ndarray
    matte: np.ndarray
    edge: np.ndarray

    def rows(self, rows: slice) -> Surface:
        return Surface(self.normals[rows], self.matte[rows], self.edge[rows])


def surface_of(matte: np.ndarray | None, normals: np.ndarray | None) -> Surface | None:
    """Return the surface of a subject; None without matte and normals, which leave no shape.

    matte: float [H, W], 0..1, None for the whole image.  normals: [H, W, 3], None to inflate the matte.
    """
    if matte is None:
        if normals is None:
            return None
        return Surface(normals, np.ones(normals.shape[:2]), 1 - normals[..., 2].clip(0, 1))
    inflated = resized_normals(inflate(shape_grid(matte)), matte.shape[1], matte.shape[0])
    return Surface(inflated if normals is None else normals, np.asarray(matte, np.float64), 1 - inflated[..., 2].clip(0, 1))


def decode_normals(image: np.ndarray) -> np.ndarray:
    """Return unit normals, float64 [H, W, 3], of an OpenGL normal map, uint8 [H, W, 3] = n * 127.5 + 127.5."""
    return unit(image.astype(np.float64) / 127.5 - 1)


def unit(vectors: np.ndarray) -> np.ndarray:
    """Normalise [..., 3]; a vector shorter than 0.1 becomes (0, 0, 1)."""
    length = np.linalg.norm(vectors, axis=-1, keepdims=True)
    return np.where(length < 0.1, (0.0, 0.0, 1.0), vectors / np.maximum(length, 0.1))


def shape_grid(matte: np.ndarray) -> np.ndarray:
    """Return the matte with a longer side of SHAPE_SIZE pixels, float64 [h, w], 0..1, by area averages."""
    scale = SHAPE_SIZE / max(matte.shape)
    size = tuple(max(1, round(side * scale)) for side in matte.shape[::-1])
    levels = Image.fromarray(np.asarray(matte, np.float32)).resize(size, Image.BOX)
    return np.asarray(levels, np.float64)


def resized_normals(normals: np.ndarray, width: int, height: int) -> np.ndarray:
    planes = [np.asarray(Image.fromarray(normals[..., axis].astype(np.float32)).resize((width, height), Image.BILINEAR))
              for axis in range(3)]
    return unit(np.stack(planes, axis=-1).astype(np.float64))


def inflate(matte: np.ndarray) -> np.ndarray:
    """Return the normals of the matte blown up to a body, float64 [H, W, 3]; a disc becomes a sphere, outside is (0, 0, 1).

    With d the distance to the outline, negative outside, R its maximum and g the gradient of the smoothed d:
    n_xy = -g (1 - d/R), the slope of the height sqrt(d (2R - d)), which on a disc of radius R is a sphere; n_z completes a
    unit vector.
    """
    inside = matte >= 0.5
    distance = distance_inside(inside)
    share = 1 - distance / max(distance.max(), 1.0)
    smooth = smoothed(distance - distance_inside(~inside))
    slope_y, slope_x = (half_difference(smooth, axis) for axis in (0, 1))
    x, y = -slope_x * share, slope_y * share
    x[~inside] = y[~inside] = 0
    length = np.maximum(np.hypot(x, y), 1.0)
    x, y = x / length, y / length
    return np.stack([x, y, np.sqrt(np.maximum(0.0, 1 - x * x - y * y))], axis=-1)


def distance_inside(inside: np.ndarray) -> np.ndarray:
    """Return the Euclidean distance in pixels from each inner pixel's centre to the outline, float64 [H, W]; 0 outside.

    Exact, as the minimum over columns of the minimum over rows (Felzenszwalb and Huttenlocher 2012). The image's border is no
    outline, unless all of it is inside.
    """
    if inside.all():
        return distance_inside(np.pad(inside, 1))[1:-1, 1:-1]
    squared = np.where(inside, 1e12, 0.0)
    for axis in (0, 1):
        squared = nearest(squared, axis)
    return np.where(inside, np.sqrt(squared) - 0.5, 0.0)


def nearest(squared: np.ndarray, axis: int) -> np.ndarray:
    """Return min over k of squared[k] + (i - k)^2 along an axis."""
    lines = np.moveaxis(squared, axis, 0)
    place = np.arange(len(lines), dtype=np.float64)[:, None]
    best = np.full_like(lines, np.inf)
    for k, line in enumerate(lines):
        np.minimum(best, line + (place - k) ** 2, out=best)
    return np.moveaxis(best, 0, axis)


def smoothed(values: np.ndarray) -> np.ndarray:
    """Return box averages of 2 * SMOOTH_RADIUS + 1 pixels, SMOOTH_PASSES times along each axis, edges repeated."""
    count = 2 * SMOOTH_RADIUS + 1
    for axis in (0, 1) * SMOOTH_PASSES:
        padded = np.pad(np.moveaxis(values, axis, 0), ((SMOOTH_RADIUS, SMOOTH_RADIUS), (0, 0)), mode="edge")
        size = padded.shape[0] - count + 1
        values = np.moveaxis(np.mean([padded[k:k + size] for k in range(count)], axis=0), 0, axis)
    return values


def half_difference(values: np.ndarray, axis: int) -> np.ndarray:
    """Return (next - previous) / 2 along an axis, edges repeated."""
    lines = np.moveaxis(values, axis, 0)
    padded = np.concatenate([lines[:1], lines, lines[-1:]])
    return np.moveaxis((padded[2:] - padded[:-2]) / 2, 0, axis)
