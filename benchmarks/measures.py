"""Measures of a relit image: light, identity and similarity. Images are float32 [B, 3, H, W], 0..1, mattes [B, 1, H, W]."""

from __future__ import annotations

import numpy as np
import torch
from PIL import Image
from torch import Tensor

from ..lib_iclight.detail import gaussian_blur
from ..training.metrics import lit_difference, luma, mean_inside

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
    """Return the correlation of both images' fine detail inside the matte, -1..1; 0 if one has none."""
    inside = alpha[0, 0].numpy() > 0.5
    return correlation(*(fine_detail(x)[inside] for x in (image, original)))


def correlation(a: np.ndarray, b: np.ndarray) -> float:
    """Return Pearson's correlation of two vectors, -1..1; 0 if one is constant."""
    a, b = a - a.mean(), b - b.mean()
    length = float(np.sqrt((a * a).sum() * (b * b).sum()))
    return float((a * b).sum()) / length if length else 0.0


def light_angle_error(image: Tensor, normal: np.ndarray, alpha: Tensor, angle: float) -> float:
    """Return degrees, 0..180, between the asked direction in the image plane and the one that shades the subject.

    The light is the least-squares solution of luma = ambient + normal · light over the lit pixels inside the matte.
    normal: float32 [H, W, 3], x right, y up.
    """
    inside = alpha[0, 0].numpy() > 0.5
    values, normals = luma(image)[0, 0].numpy()[inside], normal[inside]
    lit = values > np.quantile(values, 0.2)  # attached shadow is flat and says nothing of the direction
    design = np.concatenate([normals[lit], np.ones((int(lit.sum()), 1))], axis=1)
    x, y = np.linalg.lstsq(design, values[lit], rcond=None)[0][:2]
    return float(abs((np.degrees(np.arctan2(y, x)) - angle + 180) % 360 - 180))


def psnr(image: Tensor, truth: Tensor, alpha: Tensor | None = None) -> float:
    """Return the PSNR in dB, inside the matte or without one of the whole image, for a range of 1; 100 at most."""
    inside = torch.ones_like(image[:, :1]) if alpha is None else (alpha > 0.5).float()
    error = mean_inside((image - truth) ** 2, inside).mean()
    return float(-10 * torch.log10(error.clamp_min(1e-10)))


def ssim(image: Tensor, truth: Tensor, alpha: Tensor) -> float:
    """Return the mean structural similarity of luma inside the matte, -1..1 (Wang et al., 2004: Gaussian window, sigma 1.5)."""
    a, b = (luma(x)[0, 0].numpy().astype(np.float32) for x in (image, truth))
    mean_a, mean_b, square_a, square_b, product = (gaussian_blur(x, 1.5) for x in (a, b, a * a, b * b, a * b))
    spread_a, spread_b, shared = square_a - mean_a**2, square_b - mean_b**2, product - mean_a * mean_b
    c1, c2 = 0.01**2, 0.03**2
    similar = (2 * mean_a * mean_b + c1) * (2 * shared + c2) / ((mean_a**2 + mean_b**2 + c1) * (spread_a + spread_b + c2))
    return float(similar[alpha[0, 0].numpy() > 0.5].mean())


def edge_retention(image: Tensor, truth: Tensor, alpha: Tensor) -> float:
    """Return the correlation of both images' gradient magnitudes inside the matte, -1..1."""
    inside = alpha[0, 0].numpy() > 0.5
    return correlation(*(np.hypot(*np.gradient(luma(x)[0, 0].numpy()))[inside] for x in (image, truth)))
