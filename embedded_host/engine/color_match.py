"""Color correction of img2img: the result gets the init image's color distribution and keeps its own luminosity."""

from __future__ import annotations

import numpy as np
from PIL import Image

WHITE = np.array([0.950456, 1.0, 1.088754])
TO_XYZ = np.array([[0.412453, 0.357580, 0.180423], [0.212671, 0.715160, 0.072169], [0.019334, 0.119193, 0.950227]])
LUMA = np.array([0.3, 0.59, 0.11])


def reference_colors(image: Image.Image) -> np.ndarray:
    """Return an image as CIELAB, float [H, W, 3]."""
    return _to_lab(np.asarray(image.convert("RGB")) / 255.0)


def match_colors(image: Image.Image, reference: np.ndarray) -> Image.Image:
    """Match each CIELAB channel's histogram to the reference's, then blend with the image's luminosity (W3C, `luminosity`)."""
    rgb = np.asarray(image.convert("RGB")) / 255.0
    lab = _to_lab(rgb)
    matched = np.stack([_match(lab[..., i], reference[..., i]) for i in range(3)], axis=-1)
    color = np.clip(_to_rgb(matched), 0, 1)
    result = _clip_color(color + ((rgb - color) @ LUMA)[..., None])
    return Image.fromarray(np.rint(result * 255).astype(np.uint8))


def _match(source: np.ndarray, reference: np.ndarray) -> np.ndarray:
    """Return source with the distribution of reference, by their empirical distribution functions."""
    _, inverse, counts = np.unique(source.round(2), return_inverse=True, return_counts=True)
    values, reference_counts = np.unique(reference.round(2), return_counts=True)
    quantiles = np.cumsum(counts) / source.size
    mapped = np.interp(quantiles, np.cumsum(reference_counts) / reference.size, values)
    return mapped[inverse.reshape(source.shape)]


def _clip_color(color: np.ndarray) -> np.ndarray:
    """Move colors outside 0..1 towards their own luma (W3C compositing, ClipColor)."""
    luma = (color @ LUMA)[..., None]
    low, high = color.min(-1, keepdims=True), color.max(-1, keepdims=True)
    color = np.where(low < 0, luma + (color - luma) * luma / np.maximum(luma - low, 1e-9), color)
    color = np.where(high > 1, luma + (color - luma) * (1 - luma) / np.maximum(high - luma, 1e-9), color)
    return np.clip(color, 0, 1)


def _to_lab(rgb: np.ndarray) -> np.ndarray:
    linear = np.where(rgb > 0.04045, ((rgb + 0.055) / 1.055) ** 2.4, rgb / 12.92)
    xyz = linear @ TO_XYZ.T / WHITE
    f = np.where(xyz > 0.008856, np.cbrt(xyz), 7.787 * xyz + 16 / 116)
    return np.stack([116 * f[..., 1] - 16, 500 * (f[..., 0] - f[..., 1]), 200 * (f[..., 1] - f[..., 2])], axis=-1)


def _to_rgb(lab: np.ndarray) -> np.ndarray:
    y = (lab[..., 0] + 16) / 116
    f = np.stack([y + lab[..., 1] / 500, y, y - lab[..., 2] / 200], axis=-1)
    xyz = np.where(f > 0.206893, f ** 3, (f - 16 / 116) / 7.787) * WHITE
    linear = np.clip(xyz @ np.linalg.inv(TO_XYZ).T, 0, None)
    return np.where(linear > 0.0031308, 1.055 * linear ** (1 / 2.4) - 0.055, 12.92 * linear)
