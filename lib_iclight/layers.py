"""Separates a finished image into a background, a shadow and a subject that composite to it."""

from __future__ import annotations

import numpy as np
from PIL import Image

from .edge_colors import foreground_colors

HARDLY = 0.1
"""Share of the background in a pixel up to which its colour there is taken from its surroundings instead."""
UNSEEN = 0.51 / 255
"""Difference that rounding makes."""


def separate(image: np.ndarray, alpha: np.ndarray, shadow: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Return background, uint8 [H, W, 3], shadow, uint8 [H, W], and the subject's colours, uint8 [H, W, 3].

    image: uint8 [H, W, 3].  alpha: the subject's opacity, float [H, W], 0..1, rounded to levels of 255.  shadow: opacity of the
    black layer that darkens the background, uint8 [H, W]. The layers composite to the image within one level:
    image = a F + (1 - a) (1 - s) B. F is the estimate of `foreground_colors`, B follows from it; where that is out of range, the
    shadow is lightened, then F and B are adjusted. Behind the opaque subject B continues its surroundings.
    """
    observed, a = image / 255, (np.round(alpha * 255) / 255)[..., None]
    front = foreground_colors(image, alpha) / 255
    behind = np.divide(observed - a * front, 1 - a, out=np.zeros_like(observed), where=a < 1)
    visible = np.maximum(1 - a - HARDLY, 0)
    behind = filled(behind.clip(0, 1), visible)
    needed = np.divide(observed - a, 1 - a, out=np.zeros_like(observed), where=a < 1)
    least = np.maximum(behind, needed.clip(0, 1)).max(axis=-1)
    shadow = np.where(a[..., 0] < 1, np.minimum(shadow, np.floor(255 * (1 - least) + 1e-6)), shadow).astype(np.uint8)
    light = 1 - shadow[..., None] / 255
    background = np.divide(behind, light, out=np.ones_like(behind), where=light > 0)
    background = np.rint(filled(background.clip(0, 1), visible * (light > 0)) * 255) / 255
    share = (1 - a) * light
    front = np.divide(observed - share * background, a, out=front, where=a > 0)
    front = np.rint(front.clip(0, 1) * 255) / 255
    rest = observed - a * front - share * background
    change = np.divide(rest, share, out=np.zeros_like(rest), where=(share > 0) & (np.abs(rest) > UNSEEN))
    return levels(background + change), shadow, levels(front)


def levels(image: np.ndarray) -> np.ndarray:
    return np.rint(image.clip(0, 1) * 255).astype(np.uint8)


def filled(colors: np.ndarray, weight: np.ndarray) -> np.ndarray:
    """Continue colours into the parts of weight 0: float [H, W, 3], in which pixels of a positive weight keep their colour.

    colors: [H, W, 3]; weight: [H, W, 1], 0..1. From level to level of a pyramid of halves, each the weighted mean of the finer
    one (Gortler et al., "The Lumigraph", SIGGRAPH 1996).
    """
    height, width = colors.shape[:2]
    if min(height, width) < 2:
        return np.where(weight > 0, colors, (colors * weight).sum((0, 1)) / max(weight.sum(), 1e-9))
    half = (width + 1) // 2, (height + 1) // 2
    weights = resized(weight, half, Image.BOX)
    means = resized(colors * weight, half, Image.BOX) / np.maximum(weights, 1e-9)
    return np.where(weight > 0, colors, resized(filled(means, weights), (width, height), Image.BILINEAR))


def resized(array: np.ndarray, size: tuple[int, int], kernel: int) -> np.ndarray:
    """Resize float [H, W, C] to (width, height)."""
    planes = [Image.fromarray(plane.astype(np.float32)).resize(size, kernel) for plane in np.moveaxis(array, -1, 0)]
    return np.stack([np.asarray(plane, np.float64) for plane in planes], axis=-1)
