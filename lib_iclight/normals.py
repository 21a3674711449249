"""Normal map and even-light estimate of a subject from four relit images of it.

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


def normals_from_relights(relights: np.ndarray, matte: np.ndarray | None = None) -> np.ndarray:
    """Return unit normals, float64 [H, W, 3]: x to the right, y up, z towards the viewer, as OpenGL's maps have them.

    relights: the subject lit from left, right, bottom, top, float [4, H, W, 3], 0..1.  matte: float [H, W], 0..1; outside
    of it the normal is (0, 0, 1); None for the whole image.
    """
    mean = even_light(relights)
    left, right, bottom, top = ((np.asarray(image, np.float64) + 1e-5) / (mean + 1e-5) - 1 for image in relights)
    u = ((right - left) * 0.5).mean(axis=-1)
    v = ((top - bottom) * 0.5).mean(axis=-1)
    height = np.clip(1 - u**2 - v**2, 0, LARGEST) ** (SHARPNESS / 2)
    normal = np.stack([u, v, height], axis=-1)
    normal /= np.maximum(np.linalg.norm(normal, axis=-1, keepdims=True), 1e-12)
    if matte is None:
        return normal
    inside = np.asarray(matte, np.float64)[..., None]
    return normal * inside + TOWARDS_VIEWER * (1 - inside)


def encode_normals(normals: np.ndarray) -> np.ndarray:
    """Return normals as colours, uint8 [H, W, 3] = n * 127.5 + 127.5, truncated as the original does."""
    return (normals * 127.5 + 127.5).clip(0, 255).astype(np.uint8)
