"""Caches a unit's output mask at each attention size."""

from __future__ import annotations

import math
from collections.abc import Sequence

import torch
from torch import Tensor

from .batch_rows import RowLayout
from .masks import attention_grid, resize_mask


class MaskGrid:
    """An output mask with its resized versions. mask: float [M, H, W] in 0..1; M is 1 or the batch size.

    Deep copies are the same object.
    """

    def __init__(self, mask: Tensor):
        self.mask = mask.detach().float()
        self._levels: dict = {}

    def __deepcopy__(self, memo) -> MaskGrid:
        return self

    def level(self, tokens: int, latent: tuple[int, int], like: Tensor) -> Tensor:
        """Return the mask as [M, tokens, 1] with the device and dtype of `like`. latent: (height, width)."""
        key = (tokens, latent, like.dtype, like.device)
        if key not in self._levels:
            rows, columns = attention_grid(*latent, tokens)
            self._levels[key] = resize_mask(self.mask, rows, columns).flatten(1)[..., None].to(like)
        return self._levels[key]

    def rows(self, q: Tensor, layout: RowLayout, original_shape: Sequence[int] | None) -> Tensor:
        """Return the mask for every row of q, [1 or rows, tokens, 1]. original_shape: the latent's, (rows, channels, h, w)."""
        tokens = q.shape[1]
        latent = (original_shape[-2], original_shape[-1]) if original_shape is not None else square_latent(tokens, self.mask)
        mask = self.level(tokens, latent, q)
        if len(mask) == 1:
            return mask
        picked = [min((row - s.start) % s.images, len(mask) - 1) for s in layout for row in range(s.start, s.stop)]
        return torch.stack([mask[i] for i in picked])


def square_latent(tokens: int, mask: Tensor) -> tuple[int, int]:
    """Return a latent size with the mask's aspect ratio, for hosts that do not report the latent's shape."""
    aspect = mask.shape[-2] / mask.shape[-1]
    return max(1, round(math.sqrt(tokens * aspect))), max(1, round(math.sqrt(tokens / aspect)))
