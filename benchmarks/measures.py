"""Measures of a relit image: light, identity and similarity. Images are float32 [B, 3, H, W], 0..1, mattes [B, 1, H, W]."""

from __future__ import annotations

import numpy as np
import torch
from PIL import Image
from torch import Tensor

from ..lib_iclight.detail import gaussian_blur
from ..training.metrics import lit_difference, luma, mean_inside

ANGLES = {"right": 0.0, "top": 90.0, "left": 180.0, "bottom": 270.0}
FINE = 3.0
"""Standard deviation in pixels of the blur that separates detail from shading."""


def to_tensor(image: Image.Image) -> Tensor:
    return torch.from_numpy(np.asarray(image.convert("RGB"), np.float32) / 255).movedim(-1, 0)[None]


def matte_tensor(matte: Image.Image) -> Tensor:
    return torch.from_numpy(np.asarray(matte.convert("L"), np.float32) / 255)[None, None]


def contrast(image: Tensor, alpha: Tensor, angle: float) -> float:
    """Return the mean luma of the subject's half on the light's side minus the other half's, -1..1."""
    return float(lit_difference(image, alpha, angle).mean())


def colour_error(image: Tensor, original: Tensor, alpha: Tensor) -> float:
    """Return the mean distance of the subject's mean colours at equal brightness; 0 is the same hue and saturation."""
    inside = (alpha > 0.5).float()
    a, b = mean_inside(image, inside), mean_inside(original, inside)
    return float((a / a.mean(1, keepdim=True).clamp_min(1e-6) - b / b.mean(1, keepdim=True).clamp_min(1e-6)).abs().mean())


def fine_detail(image: Tensor) -> np.ndarray:
    """Return luma minus its blur, [H, W]; takes one image."""
    grey = luma(image)[0, 0].numpy()
    return grey - gaussian_blur(grey, FINE)


def detail_correlation(image: Tensor, original: Tensor, alpha: Tensor) -> float:
    """Return Pearson's correlation of both images' fine detail inside the matte, -1..1; 0 if one has none."""
    inside = alpha[0, 0].numpy() > 0.5
    a, b = (fine_detail(x)[inside] for x in (image, original))
    a, b = a - a.mean(), b - b.mean()
    length = float(np.sqrt((a * a).sum() * (b * b).sum()))
    return float((a * b).sum()) / length if length else 0.0
