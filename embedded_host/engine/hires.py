"""Arithmetic of the hires pass: its size, the way there in latents, what is cropped."""

from __future__ import annotations

from typing import NamedTuple

import torch
from torch import Tensor

LATENT_PIXEL = 8
"""Image pixels along the side of a latent pixel."""


class HiresSize(NamedTuple):
    """Size to upscale to, in pixels; what is then cropped from both sides together, in latent pixels."""

    width: int
    height: int
    crop_x: int = 0
    crop_y: int = 0


def scaled_size(width: int, height: int, factor: float) -> HiresSize:
    """Return the size times a factor, rounded down."""
    return HiresSize(int(factor * width), int(factor * height))


def fitted_size(width: int, height: int, x: int, y: int) -> HiresSize:
    """Return the size with the own ratio that is x wide or y high (0: not given) or, with both, covers x by y."""
    if y == 0 or (x and width / height < x / y):
        size = HiresSize(x, x * height // width)
    else:
        size = HiresSize(y * width // height, y)
    if not (x and y):
        return size
    return size._replace(crop_x=(size.width - x) // LATENT_PIXEL, crop_y=(size.height - y) // LATENT_PIXEL)


def upscale_latent(latent: Tensor, width: int, height: int, mode: str, antialias: bool = False) -> Tensor:
    """Interpolate [B, 4, h, w] to the latent size of width by height pixels."""
    size = height // LATENT_PIXEL, width // LATENT_PIXEL
    return torch.nn.functional.interpolate(latent, size=size, mode=mode, antialias=antialias)


def crop_latent(latent: Tensor, crop_x: int, crop_y: int) -> Tensor:
    """Cut crop_x columns and crop_y rows from [B, 4, h, w], half on each side; negative ones only from the far side."""
    height, width = latent.shape[2:]
    rows, columns = (slice(crop // 2, size - (crop + 1) // 2) for crop, size in ((crop_y, height), (crop_x, width)))
    return latent[:, :, rows, columns]
