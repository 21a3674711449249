"""Region masks of image prompts: one for each image of a batch, brought to what is sampled of it."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import torch
from torch import Tensor

from ...lib_iclight.foreground import fit
from ...lib_ipadapter.attend import masks
from .frame import LATENT, STRETCH, Frame
from .passes import Sampling

STRETCHING = (STRETCH, LATENT)


def picked(values: Tensor | None, rows: Sequence[int] | None) -> Tensor | None:
    """Return rows of a tensor, the last one where it has fewer; all of one that has a single row."""
    if values is None or rows is None or len(values) == 1:
        return values
    return values[[min(row, len(values) - 1) for row in rows]]


def stacked(area: Sequence[Tensor], count: int) -> Tensor:
    """Return masks [1, H, W] of any size as [count, H, W] of the first one's size; white where there is none, the same for all
    if there is only one."""
    if len(area) == 1:
        return area[0]
    height, width = area[0].shape[1:]
    missing = [torch.ones(1, height, width)] * (count - len(area))
    return torch.cat([*(masks.resize_mask(mask, height, width) for mask in area), *missing])


def place_masks(area: Tensor | None, sampling: Sampling) -> Tensor | None:
    """Bring output masks, [M, H, W], to what is sampled of the init images: one mask, or one for each image of the batch."""
    if area is None:
        return None
    distinct = len(set(sampling.frames.frames)) > 1
    count = max(len(area), len(sampling.frames.frames) if distinct else 1)
    placed = [place_mask(area[min(index, len(area) - 1)][None], sampling.frames[index], *sampling.size) for index in range(count)]
    return placed[0] if count == 1 else stacked(placed, count)


def place_mask(mask: Tensor, frame: Frame, width: int, height: int) -> Tensor:
    """Bring an output mask, [1, H, W], to what is sampled of the init image; elsewhere it is kept as it is."""
    belongs = frame.contains((mask.shape[2], mask.shape[1]))
    if not frame.is_part and (not belongs or frame.mode in STRETCHING):
        return mask
    levels = mask[0].numpy() if belongs else fit(mask[0].numpy(), *frame.canvas, "stretch")
    return torch.from_numpy(np.ascontiguousarray(frame.place(levels, width, height, fill=0)))[None]
