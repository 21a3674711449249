"""Metrics of the evaluation and the semantic tests. Images are float32 [B, 3, H, W], 0..1."""

from __future__ import annotations

import math

import torch
from torch import Tensor

LUMA = (0.299, 0.587, 0.114)
LEAST_CHROMA = 0.08  # below it a colour counts as grey and has no hue


def luma(images: Tensor) -> Tensor:
    """Return the luma, [B, 1, H, W], 0..1."""
    return (images * torch.tensor(LUMA)[:, None, None]).sum(1, keepdim=True)


def mean_inside(images: Tensor, mask: Tensor) -> Tensor:
    """Return the mean over the mask [B, 1, H, W] for each channel, [B, C]."""
    return (images * mask).sum((2, 3)) / mask.sum((2, 3)).clamp_min(1)


def lit_difference(images: Tensor, alpha: Tensor, angle: float | Tensor) -> Tensor:
    """Return the mean luma of the object's half on the light's side minus the other half's, [B], -1..1.

    The object (alpha > 0.5) is cut through its centroid, at right angles to `angle` (degrees, 0 = right, 90 = top;
    one number or [B]).
    """
    height, width = images.shape[-2:]
    turn = torch.deg2rad(torch.as_tensor(angle, dtype=torch.float32)).reshape(-1, 1, 1, 1)
    y, x = torch.meshgrid(-torch.arange(height).float(), torch.arange(width).float(), indexing="ij")
    along = x * turn.cos() + y * turn.sin()
    inside = (alpha > 0.5).float()
    centre = mean_inside(along.expand(len(images), 1, -1, -1), inside)[:, :, None, None]
    lit = inside * (along > centre)
    grey = luma(images)
    return (mean_inside(grey, lit) - mean_inside(grey, inside - lit)).squeeze(1)


def chroma(rgb: Tensor) -> Tensor:
    """Convert colours [B, 3] to vectors in the hue plane, [B, 2]; their length is the chroma."""
    r, g, b = rgb.unbind(1)
    return torch.stack([r - 0.5 * g - 0.5 * b, math.sqrt(3) / 2 * (g - b)], 1)


def hue_distance(a: Tensor, b: Tensor) -> Tensor:
    """Return the angle between the hues of the colours [B, 3], [B] in degrees 0..180."""
    u, v = chroma(a), chroma(b)
    return torch.rad2deg(torch.atan2(u[:, 0] * v[:, 1] - u[:, 1] * v[:, 0], (u * v).sum(1))).abs()


def has_hue(rgb: Tensor) -> Tensor:
    return chroma(rgb).norm(dim=1) > LEAST_CHROMA


def psnr(a: Tensor, b: Tensor) -> float:
    """Return the mean PSNR over the images, in dB for a range of 1."""
    return float((-10 * torch.log10((a - b).pow(2).mean((1, 2, 3)))).mean())


def centre_disc(size: int, radius: float) -> Tensor:
    """Return a disc mask [1, 1, size, size]: 1 within this radius (half the image = 1) of the centre."""
    axis = (torch.arange(size) + 0.5) / size * 2 - 1
    return (torch.hypot(axis[None, :], axis[:, None]) < radius).float()[None, None]
