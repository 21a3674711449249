"""Pixels in the forms of this host: PIL images, float tensors [C, H, W] in 0..1 or -1..1."""

from __future__ import annotations

import numpy as np
import torch
from PIL import Image
from torch import Tensor


def to_unit(samples: Tensor) -> Tensor:
    """Map decoded pixels from -1..1 to 0..1, clipped."""
    return ((samples + 1) / 2).clamp(0, 1)


def to_array(image: Image.Image) -> np.ndarray:
    """Return an RGB image as float32 [3, H, W], 0..1."""
    return np.asarray(image, np.float32).transpose(2, 0, 1) / 255


def to_image(pixels: Tensor) -> Image.Image:
    """Return decoded pixels [3, H, W], -1..1, as an image, rounded to the nearest level."""
    levels = to_unit(pixels.float().cpu()).mul(255).round().to(torch.uint8)
    return Image.fromarray(levels.permute(1, 2, 0).numpy())


def to_image_floor(pixels: Tensor) -> Image.Image:
    """Return pixels [3, H, W], 0..1, as an image, rounded down as the WebUIs do with a job's result."""
    return Image.fromarray((255 * pixels.permute(1, 2, 0).cpu().numpy()).astype(np.uint8))
