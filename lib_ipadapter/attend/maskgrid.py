"""A unit's output mask, resized once for each attention size."""

from __future__ import annotations

import math
from collections.abc import Sequence

import torch
from torch import Tensor

from .batch_rows import RowLayout
from .masks import attention_grid, resize_mask


class MaskGrid:
    """mask: float [M, H, W] 0..1 in output space; M is 1, or one for each image of the batch. Deep copies share it."""

    def __init__(self, mask: Tensor):
        self.mask = mask.detach().float()
        self._levels: dict = {}

    def __deepcopy__(self, memo) -> MaskGrid:
        return self

    def level(self, tokens: int, latent: tuple[int, int], like: Tensor) -> Tensor:
        """[M, tokens, 1] on the device and in the dtype of `like`."""
        key = (tokens, latent, like.dtype, like.device)
        if key not in self._levels:
            rows, columns = attention_grid(*latent, tokens)
            self._levels[key] = resize_mask(self.mask, rows, columns).flatten(1)[..., None].to(like)
        return self._levels[key]

    def rows(self, q: Tensor, layout: RowLayout, original_shape: Sequence[int] | None) -> Tensor:
        """The mask for every row of q, [1 or rows, tokens, 1]. original_shape: the latent's, [rows, channels, h, w]."""
        tokens = q.shape[1]
        latent = (original_shape[-2], original_shape[-1]) if original_shape is not None else square_latent(tokens, self.mask)
        mask = self.level(tokens, latent, q)
        if len(mask) == 1:
            return mask
        picked = [min((row - s.start) % s.images, len(mask) - 1) for s in layout for row in range(s.start, s.stop)]
        return torch.stack([mask[i] for i in picked])


def square_latent(tokens: int, mask: Tensor) -> tuple[int, int]:
    """A latent of the mask's aspect, for hosts that do not tell its size."""
    aspect = mask.shape[-2] / mask.shape[-1]
    return max(1, round(math.sqrt(tokens * aspect))), max(1, round(math.sqrt(tokens / aspect)))
