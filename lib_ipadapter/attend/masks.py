"""Decodes output masks and resizes them to the grid of each attention layer."""

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
    """Return (height, width) at each UNet level: h -> (h + 1) // 2, as its strided convolutions compute it."""
    sizes = [(height, width)]
    for _ in range(levels - 1):
        height, width = (height + 1) // 2, (width + 1) // 2
        sizes.append((height, width))
    return tuple(sizes)


def attention_grid(height: int, width: int, tokens: int) -> tuple[int, int]:
    """Return (rows, columns) of an attention layer with `tokens` positions, for a latent of height × width.

    Exact for the UNet's own levels. If an extension resizes inside the UNet (Kohya's hires fix), the factors of
    `tokens` whose aspect ratio is nearest to the latent's.
    """
    for size in level_sizes(height, width, levels=8):
        if size[0] * size[1] == tokens:
            return size
    aspect = math.log(height / width)
    pairs = [(rows, tokens // rows) for rows in range(1, tokens + 1) if tokens % rows == 0]
    return min(pairs, key=lambda pair: abs(math.log(pair[0] / pair[1]) - aspect))


def resize_mask(mask: Tensor, rows: int, columns: int) -> Tensor:
    """Resize float [M, H, W] in 0..1 to [M, rows, columns]: area averages to shrink, bilinear to enlarge."""
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
    """Convert one mask to float32 [1, H, W] in 0..1, white is 1; for a transparent image, its alpha channel.

    Raises IpAdapterError for other shapes.
    """
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
        raise IpAdapterError(f"`{name}` has the shape {tuple(tensor.shape)}; give one image in grey, white where the "
                             "adapter should work.")
    return tensor.clamp(0, 1)


def mask_levels(image: Image.Image) -> np.ndarray:
    if image.mode in ("RGBA", "LA", "PA") or "transparency" in image.info:
        alpha = np.asarray(image.convert("RGBA"))[..., 3]
        if alpha.min() < 255:
            return alpha.astype(np.float32)
    return np.asarray(image.convert("L")).astype(np.float32)
