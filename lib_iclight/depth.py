"""Lights in front of and behind the image plane: their direction, the shading of a surface, and the light around it."""

from __future__ import annotations

import math

import numpy as np

from .light_kinds import DIRECTION_ANGLES, Band, LightFields, kind_of, pixel_grid
from .surface import Surface

WRAP = 0.12
"""How far light of softness 1 reaches around a body: surfaces up to asin(0.12), 7 degrees, beyond the shadow line are lit."""
FULL_DEPTH = 15.0
"""Elevation in degrees from which the subject is shaded by its surface alone; below it the flat map is mixed in."""


def has_depth(light: LightFields) -> bool:
    """Return whether a light is off the image plane; ambient light and a custom map have no direction."""
    return light.light_elevation != 0 and kind_of(light).has_direction


def direction(angle: float, elevation: float) -> tuple[float, float, float]:
    """Return the unit vector towards a light: x to the right, y up, z towards the viewer. Degrees: 0, 0 is from the right."""
    a, e = math.radians(angle), math.radians(elevation)
    return math.cos(a) * math.cos(e), math.sin(a) * math.cos(e), math.sin(e)


def towards(light: LightFields, band: Band) -> np.ndarray:
    """Return unit vectors towards a light, float64 [3] for a direction, [rows, width, 3] for a spot and its like.

    A light with a position lies at (light_x, light_y) and in front of the image plane by its radius times the tangent of its
    elevation; one with one coordinate is a line, whose nearest point counts.
    """
    kind = kind_of(light)
    if not kind.has_position:
        return np.array(direction(DIRECTION_ANGLES.get(light.light, light.light_angle), light.light_elevation))
    x, y, right, bottom = pixel_grid(band)
    height = light.light_radius * max(band.width, band.height) * math.tan(math.radians(min(max(light.light_elevation, -89), 89)))
    across = light.light_x * right - x if "light_x" in kind.fields else 0.0
    up = y - light.light_y * bottom if "light_y" in kind.fields else 0.0
    vectors = np.stack(np.broadcast_arrays(across, up, np.full(band.shape, height)), axis=-1)
    return vectors / np.maximum(np.linalg.norm(vectors, axis=-1, keepdims=True), 1e-9)


def wrapped_lambert(normals: np.ndarray, light: np.ndarray, wrap: float) -> np.ndarray:
    """Return max(0, (n . l + w) / (1 + w)), 0..1, [H, W]: Lambert's law reaching `wrap` beyond the shadow line.

    Wrap lighting of GPU Gems (2004), chapter 16. normals: [H, W, 3]; light: [3] or [H, W, 3], unit.
    """
    return np.maximum(0.0, ((normals * light).sum(axis=-1) + wrap) / (1 + wrap))


def shading(light: LightFields, surface: Surface, band: Band) -> np.ndarray:
    """Return how much of a light the surface reflects, float64 [rows, width], 0..1. surface: of the band.

    Wrapped Lambert with w = min(1, 0.12 / light_gamma). From behind, the outline adds a rim: edge^2 times the light's share on
    that side, |sin e| + cos e (n_xy . l_xy), 0..1. A light with a position fades with the distance as its flat map does.
    """
    vectors = towards(light, band)
    lit = wrapped_lambert(surface.normals, vectors, min(1.0, WRAP / light.light_gamma))
    if light.light_elevation < 0:
        beside = (surface.normals[..., :2] * vectors[..., :2]).sum(axis=-1)
        lit = np.maximum(lit, surface.edge ** 2 * (beside - vectors[..., 2]).clip(0, 1))
    kind = kind_of(light)
    if kind.has_position and kind.distance is not None:
        lit = lit * (1 - kind.distance(light, band))
    return lit


def surround_distance(light: LightFields, flat: np.ndarray, band: Band) -> np.ndarray:
    """Return the fall-off of the map around the subject, 0..1: flat + (dome - flat) |sin e|.

    flat: the light's fall-off in the image plane.  dome: from the camera 0 in the middle of the frame and 1 in its corners,
    from behind 0 everywhere, a bright surround.  Lights with a position keep their own fall-off.
    """
    if kind_of(light).has_position:
        return flat
    share = abs(math.sin(math.radians(light.light_elevation)))
    x, y, right, bottom = pixel_grid(band)
    dome = np.hypot(2 * x / right - 1, 2 * y / bottom - 1) / math.sqrt(2) if light.light_elevation > 0 else 0.0
    return flat + (dome - flat) * share


def surface_share(light: LightFields, surface: Surface) -> np.ndarray:
    """Return by how much the surface's shading replaces the flat map, [rows, width], 0..1: the matte, eased in with elevation."""
    return surface.matte * min(1.0, abs(light.light_elevation) / FULL_DEPTH)
