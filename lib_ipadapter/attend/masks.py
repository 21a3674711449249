"""Where a picture may prompt: output masks brought to the size of each attention layer."""

from __future__ import annotations

import math

import numpy as np
import torch
import torch.nn.functional as F
from PIL import Image
from torch import Tensor

from ..errors import IpAdapterError

LEVELS = 4


def level_sizes(height: int, width: int, levels: int = LEVELS) -> tuple[tuple[int, int], ...]:
    """Sizes that the UNet's levels really have: each halves upwards, h -> (h + 1) // 2, as its strided convolutions do."""
    sizes = [(height, width)]
    for _ in range(levels - 1):
        height, width = (height + 1) // 2, (width + 1) // 2
        sizes.append((height, width))
    return tuple(sizes)


def attention_grid(height: int, width: int, tokens: int) -> tuple[int, int]:
    """Rows and columns of the grid that an attention layer with `tokens` positions has, for a latent of height × width.

    Exact for the UNet's own levels. Where something resizes inside the UNet (Kohya's hires fix), the pair of factors
    of `tokens` whose aspect is nearest to the latent's.
    """
    for size in level_sizes(height, width, levels=8):
        if size[0] * size[1] == tokens:
            return size
    aspect = math.log(height / width)
    pairs = [(rows, tokens // rows) for rows in range(1, tokens + 1) if tokens % rows == 0]
    return min(pairs, key=lambda pair: abs(math.log(pair[0] / pair[1]) - aspect))


def resize_mask(mask: Tensor, rows: int, columns: int) -> Tensor:
    """float [M, H, W] 0..1 -> [M, rows, columns] 0..1: averaged where it shrinks, bilinear where it grows."""
    height, width = mask.shape[-2:]
    if (height, width) == (rows, columns):
        return mask.clamp(0, 1)
    mask = mask[:, None]
    if rows < height or columns < width:
        mask = F.interpolate(mask, (min(rows, height), min(columns, width)), mode="area")
    if mask.shape[-2:] != (rows, columns):
        mask = F.interpolate(mask, (rows, columns), mode="bilinear", align_corners=False)
    return mask[:, 0].clamp(0, 1)


def to_mask(image: Image.Image | np.ndarray | Tensor, name: str = "mask") -> Tensor:
    """One mask -> float32 [1, H, W], 0..1, white is 1. A picture with an alpha channel that is not full: its alpha."""
    if isinstance(image, Tensor):
        tensor = image.detach().float().cpu()
    elif isinstance(image, Image.Image):
        tensor = torch.from_numpy(mask_levels(image)) / 255
    else:
        array = np.array(image)
        tensor = torch.from_numpy(array).float() / (255 if array.dtype == np.uint8 else 1)
    if tensor.ndim == 3 and tensor.shape[-1] in (1, 3, 4) and tensor.shape[0] != 1:
        tensor = tensor[..., :3].mean(-1)
    if tensor.ndim == 2:
        tensor = tensor[None]
    if tensor.ndim != 3 or tensor.shape[0] != 1 or 0 in tensor.shape:
        raise IpAdapterError(f"`{name}` has the shape {tuple(tensor.shape)}; give one picture in grey, white where the "
                             "adapter should work.")
    return tensor.clamp(0, 1)


def mask_levels(image: Image.Image) -> np.ndarray:
    if image.mode in ("RGBA", "LA", "PA") or "transparency" in image.info:
        alpha = np.asarray(image.convert("RGBA"))[..., 3]
        if alpha.min() < 255:
            return alpha.astype(np.float32)
    return np.asarray(image.convert("L")).astype(np.float32)


def crop_mask(mask: Tensor, box: tuple[int, int, int, int], canvas: tuple[int, int]) -> Tensor:
    """The part of an output mask that an inpaint crop or a tile sees.

    mask: [M, H, W] at any size.  box: left, top, right, bottom in pixels of a canvas of `canvas` = (width, height).
    """
    height, width = mask.shape[-2:]
    left, right = (round(x * width / canvas[0]) for x in (box[0], box[2]))
    top, bottom = (round(y * height / canvas[1]) for y in (box[1], box[3]))
    left, top = max(0, min(left, width - 1)), max(0, min(top, height - 1))
    return mask[:, top:max(bottom, top + 1), left:max(right, left + 1)]
