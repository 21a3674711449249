"""Caches a unit's output mask at each attention size."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import NamedTuple

import torch
from torch import Tensor

from .batch_rows import RowLayout
from .job_copies import holders
from .masks import attention_grid, resize_mask

TILES = "relight_tiles"
"""extra_options key: a LatentTile for each tile of the batch, in the order of the rows; missing without tiled sampling."""


class LatentTile(NamedTuple):
    """A part of the latent that the UNet gets alone; it may go on at the opposite edge.

    left, top: its corner.  canvas: (height, width) of the whole latent.
    """

    left: int
    top: int
    canvas: tuple[int, int]


class MaskGrid:
    """An output mask with its resized versions. mask: float [M, H, W] in 0..1; M is 1 or the batch size.

    The versions are kept until `release`. Deep copies are the same object.
    """

    def __init__(self, mask: Tensor):
        self.mask = mask.detach().float()
        self._levels: dict = {}

    def __deepcopy__(self, memo) -> MaskGrid:
        return self

    def release(self) -> None:
        """Free the resized versions."""
        self._levels.clear()

    def level(self, tokens: int, latent: tuple[int, int], like: Tensor, tile: LatentTile | None = None) -> Tensor:
        """Return the mask as [M, tokens, 1] with the device and dtype of `like`. latent: (height, width), of the tile if any."""
        key = (tokens, latent, tile, like.dtype, like.device)
        if key not in self._levels:
            holders.add(self)
            mask = self.mask if tile is None else cut(self.mask, tile, *latent)
            self._levels[key] = resize_mask(mask, *attention_grid(*latent, tokens)).flatten(1)[..., None].to(like)
        return self._levels[key]

    def rows(self, q: Tensor, layout: RowLayout, extra_options: dict) -> Tensor:
        """Return the mask for every row of q, [1 or rows, tokens, 1]. extra_options: the host's, with `original_shape`."""
        tokens, shape = q.shape[1], extra_options.get("original_shape")
        latent = (shape[-2], shape[-1]) if shape is not None else square_latent(tokens, self.mask)
        tiles: Sequence[LatentTile | None] = extra_options.get(TILES) or [None]
        levels = [self.level(tokens, latent, q, tile) for tile in tiles]
        if len(self.mask) == len(tiles) == 1:
            return levels[0]
        images = [min((row - s.start) % s.images, len(self.mask) - 1) for s in layout for row in range(s.start, s.stop)]
        return torch.stack([levels[row * len(tiles) // len(q)][image] for row, image in enumerate(images)])


def cut(mask: Tensor, tile: LatentTile, height: int, width: int) -> Tensor:
    """Return what lies in a tile of height x width latent pixels of a mask over the whole latent: [M, height, width]."""
    return tile_of(resize_mask(mask, *tile.canvas), tile, height, width)


def tile_of(whole: Tensor, tile: LatentTile, height: int, width: int) -> Tensor:
    """Return the tile's part, height x width, of a tensor [..., H, W] over the whole latent."""
    return whole.roll((-tile.top, -tile.left), (-2, -1))[..., :height, :width]


def square_latent(tokens: int, mask: Tensor) -> tuple[int, int]:
    """Return a latent size with the mask's aspect ratio, for hosts that do not report the latent's shape."""
    aspect = mask.shape[-2] / mask.shape[-1]
    return max(1, round(math.sqrt(tokens * aspect))), max(1, round(math.sqrt(tokens / aspect)))
