"""The UNet's conditions of one step: how rows of different conditions are brought to one batch."""

from __future__ import annotations

import math
from dataclasses import dataclass

import torch
from torch import Tensor

LONGEST_REPEAT = 4
"""Token sequences run in one batch when none has to be repeated more often than this to reach the common length."""


def repeat_to_batch_size(tensor: Tensor, batch_size: int) -> Tensor:
    """Return the first batch_size rows, repeated from the start where there are fewer."""
    times = max(1, math.ceil(batch_size / tensor.shape[0]))
    return tensor.repeat(times, *[1] * (tensor.ndim - 1))[:batch_size]


@dataclass(frozen=True, eq=False)
class Row:
    """One condition of a step. tokens: [n, T, D]; concat: [n, C, h, w] or None; is_cond: False for the unconditional one."""

    tokens: Tensor
    concat: Tensor | None
    is_cond: bool

    def joins(self, other: Row) -> bool:
        """Return whether both can run in one batch."""
        mine, theirs = self.tokens.shape, other.tokens.shape
        repeats = math.lcm(mine[1], theirs[1]) // min(mine[1], theirs[1])
        return mine[0] == theirs[0] and mine[2] == theirs[2] and repeats <= LONGEST_REPEAT


def batch_conditions(rows: list[Row], batch_size: int, device: torch.device) -> dict[str, Tensor]:
    """Return the keyword arguments `c_crossattn` and, where there is one, `c_concat`, row after row of batch_size images.

    Shorter token sequences are repeated to the least common multiple of the lengths.
    """
    length = math.lcm(*(row.tokens.shape[1] for row in rows))
    tokens = [repeat_to_batch_size(row.tokens, batch_size).to(device) for row in rows]
    batch = {"c_crossattn": torch.cat([part.repeat(1, length // part.shape[1], 1) for part in tokens])}
    if rows[0].concat is not None:
        batch["c_concat"] = torch.cat([repeat_to_batch_size(row.concat, batch_size).to(device) for row in rows])
    return batch
