"""Normal map, even light, albedo and ratio images of a subject from four relit images of it.

Formulas: lllyasviel/IC-Light, gradio_demo_bg.py:335-380.
"""

from __future__ import annotations

import numpy as np

SHARPNESS = 10.0
"""sigma of the original's (1 - u^2 - v^2) ** (sigma / 2)."""
LARGEST = 1e5
TOWARDS_VIEWER = np.array([0.0, 0.0, 1.0])


def even_light(relights: np.ndarray) -> np.ndarray:
    """Return the mean of four relit images, float64 [H, W, 3], 0..1. relights: float [4, H, W, 3], 0..1."""
    return np.asarray(relights, np.float64).mean(axis=0)


def ratios(relights: np.ndarray) -> np.ndarray:
    """Return each relit image over their mean, less 1: the light without the surface's colour; float64 [4, H, W, 3]."""
    return (np.asarray(relights, np.float64) + 1e-5) / (even_light(relights) + 1e-5) - 1


def albedo(relights: np.ndarray, normals: np.ndarray) -> np.ndarray:
    """Return an estimate of the surface's colour, float64 [H, W, 3], 0..1: the even light over its shading.

    normals: [H, W, 3], z towards the viewer.  Light from every side in front of a surface shades it by (1 + z) / 2, the share
    of that hemisphere which the surface sees.
    """
    return (even_light(relights) / ((1 + normals[..., 2:].clip(0, 1)) / 2)).clip(0, 1)


def normals_from_relights(relights: np.ndarray, matte: np.ndarray | None = None) -> np.ndarray:
    """Return unit normals, float64 [H, W, 3]: x to the right, y up, z towards the viewer, as OpenGL's maps have them.

    relights: the subject lit from left, right, bottom, top, float [4, H, W, 3], 0..1.  matte: float [H, W], 0..1; outside
    of it the normal is (0, 0, 1); None for the whole image.
    """
    left, right, bottom, top = ratios(relights)
    u = ((right - left) * 0.5).mean(axis=-1)
    v = ((top - bottom) * 0.5).mean(axis=-1)
    height = np.clip(1 - u**2 - v**2, 0, LARGEST) ** (SHARPNESS / 2)
    normal = np.stack([u, v, height], axis=-1)
    normal /= np.maximum(np.linalg.norm(normal, axis=-1, keepdims=True), 1e-12)
    if matte is None:
        return normal
    inside = np.asarray(matte, np.float64)[..., None]
    return normal * inside + TOWARDS_VIEWER * (1 - inside)


def with_y_down(normals: np.ndarray) -> np.ndarray:
    """Return the normals of an OpenGL map as DirectX's maps have them."""
    return normals * (1, -1, 1)


def encode_normals(normals: np.ndarray, levels: int = 255) -> np.ndarray:
    """Return values from -1 to 1, such as normals or ratios, as colours, truncated as the original does.

    levels: 255 gives uint8 [H, W, 3] = n * 127.5 + 127.5, 65535 gives uint16.
    """
    return (normals * (levels / 2) + levels / 2).clip(0, levels).astype(np.uint8 if levels == 255 else np.uint16)
