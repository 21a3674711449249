"""Post-processing of the relit image: restores detail, colours and background of the original through the soft matte.

Images are uint8 [H, W, 3] of one size, mattes float32 [H, W] in 0..1, None meaning 1 everywhere.
"""

from __future__ import annotations

import math

import numpy as np
import torch

from .foreground import blend
from .srgb import to_linear, to_srgb

TO_XYZ = np.array([[0.4124564, 0.3575761, 0.1804375], [0.2126729, 0.7151522, 0.0721750],
                   [0.0193339, 0.1191920, 0.9503041]], np.float32)
WHITE = TO_XYZ.sum(axis=1)
LUMINANCE = TO_XYZ[1]
LINEAR = to_linear(np.arange(256) / 255).astype(np.float32)
"""Linear light of every sRGB byte."""


def restore_detail(relit: np.ndarray, original: np.ndarray, alpha: np.ndarray | None, sigma: float,
                   amount: float) -> np.ndarray:
    """Replace the relit image's fine detail by the original's: relit + a*amount*(high(original) - high(relit)).

    high(x) = x - blur(x), a Gaussian of standard deviation sigma in pixels. The blur is weighted by the matte, so the
    original's background does not leak into the subject's edge, and nothing changes where the matte is 0.
    amount: 0..1; 0 returns the relit image unchanged. Difference of Gaussians as in huchenlei's detail transfer.
    """
    if amount == 0:
        return relit.copy()
    height, width = relit.shape[:2]
    weight = np.ones((height, width), np.float32) if alpha is None else alpha.astype(np.float32)
    norm = np.maximum(gaussian_blur(weight, sigma), 1e-4)[..., None]
    change = original.astype(np.float32) - relit.astype(np.float32)
    high = change - gaussian_blur(change * weight[..., None], sigma) / norm
    result = relit.astype(np.float32) + weight[..., None] * np.float32(amount) * high
    return np.rint(result).clip(0, 255).astype(np.uint8)


def hold_color(relit: np.ndarray, original: np.ndarray, alpha: np.ndarray | None, amount: float) -> np.ndarray:
    """Give the subject its own colours at the relit lightness; amount 0..1, 0 returns the relit image unchanged.

    In CIE Lab (sRGB, D65) L is the relit one, a and b are the original's times (L_relit + 16) / (L_original + 16):
    the colour of the original if only its light's intensity changed. Out-of-gamut colours are desaturated at equal
    luminance.
    """
    if amount == 0:
        return relit.copy()
    new, old = to_lab(relit), to_lab(original)
    gain = (new[..., :1] + 16) / (old[..., :1] + 16)
    held = np.concatenate([new[..., :1], old[..., 1:] * gain], axis=-1)
    return blend(relit, from_lab(held), alpha, amount)


def keep_background(relit: np.ndarray, original: np.ndarray, alpha: np.ndarray | None) -> np.ndarray:
    """Composite the relit subject over the original image: relit * alpha + original * (1 - alpha), rounded."""
    return blend(original, relit, alpha)


def gaussian_blur(image: np.ndarray, sigma: float) -> np.ndarray:
    """Blur float32 [H, W] or [H, W, C] with a separable Gaussian; sigma in pixels, cut at 4 sigma, edges repeated.

    Uses an FFT, so that the time does not grow with sigma; differs from direct convolution by about 1e-6 of the range.
    """
    radius = max(1, math.ceil(4 * sigma))
    kernel = torch.exp(-0.5 * (torch.arange(-radius, radius + 1, dtype=torch.float64) / sigma) ** 2)
    kernel = (kernel / kernel.sum()).float()
    planes = torch.from_numpy(np.array(image, np.float32))
    for axis in (0, 1):
        planes = convolve(planes.transpose(axis, -1), kernel, radius).transpose(axis, -1)
    return planes.contiguous().numpy()


def convolve(rows: torch.Tensor, kernel: torch.Tensor, radius: int) -> torch.Tensor:
    """Convolve the last axis of float32 [..., N] with a kernel of 2*radius + 1, the first and last value repeated."""
    count = rows.shape[-1]
    padded = rows[..., torch.arange(-radius, count + radius).clamp(0, count - 1)]
    size = padded.shape[-1] + 2 * radius
    product = torch.fft.rfft(padded, size) * torch.fft.rfft(kernel, size)
    return torch.fft.irfft(product, size)[..., 2 * radius:2 * radius + count]


def to_lab(image: np.ndarray) -> np.ndarray:
    """Convert uint8 sRGB [H, W, 3] to float32 CIE Lab [H, W, 3] (D65), L in 0..100."""
    xyz = LINEAR[image] @ TO_XYZ.T / WHITE
    curve = np.where(xyz > 216 / 24389, np.cbrt(xyz), (24389 / 27 * xyz + 16) / 116)
    x, y, z = np.moveaxis(curve, -1, 0)
    return np.stack([116 * y - 16, 500 * (x - y), 200 * (y - z)], axis=-1).astype(np.float32)


def from_lab(lab: np.ndarray) -> np.ndarray:
    """Convert float32 CIE Lab [H, W, 3] to uint8 sRGB; out-of-gamut colours lose saturation, not luminance."""
    lightness, a, b = np.moveaxis(lab.astype(np.float32), -1, 0)
    y = (lightness + 16) / 116
    curve = np.stack([y + a / 500, y, y - b / 200], axis=-1)
    xyz = np.where(curve > 6 / 29, curve ** 3, (116 * curve - 16) * 27 / 24389) * WHITE
    linear = into_gamut(xyz @ np.linalg.inv(TO_XYZ).T.astype(np.float32))
    return np.rint(to_srgb(linear) * 255).clip(0, 255).astype(np.uint8)


def into_gamut(linear: np.ndarray) -> np.ndarray:
    """Desaturate linear RGB [H, W, 3] just enough that all channels lie in 0..1; luminance stays."""
    grey = (linear @ LUMINANCE).clip(0, 1)[..., None]
    chroma = linear - grey
    room = np.where(chroma > 0, 1 - grey, grey) / np.maximum(np.abs(chroma), 1e-9)
    share = np.minimum(room.min(axis=-1, keepdims=True), 1)
    return (grey + chroma * share).clip(0, 1)
