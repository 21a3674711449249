"""Several pictures in one unit: how their embeddings become one, before the projection."""

from __future__ import annotations

import math
from collections.abc import Sequence

import torch
from torch import Tensor

from ..errors import IpAdapterError

TOGETHER = ("average", "norm average", "add", "subtract")
"""Modes that leave one embedding; the others keep one per picture."""


def image_weights(weights: Sequence[float], count: int) -> tuple[float, ...]:
    """One weight for each of `count` pictures; missing ones are 1, too many are refused."""
    if len(weights) > count:
        raise IpAdapterError(f"`image_weights` has {len(weights)} numbers for {count} pictures; leave out the last "
                             f"{len(weights) - count}.")
    return (*weights, *[1.0] * (count - len(weights)))


def combine(embeds: Tensor, mode: str, weights: Sequence[float] = ()) -> Tensor:
    """[N, ...] encoder output -> [1, ...] for the modes in TOGETHER, [N, ...] for the rest.

    weights multiply each picture's embedding, except where they work later (weighted concat, separate).
    """
    weights = image_weights(weights, len(embeds))
    if mode not in ("weighted concat", "separate") and any(weight != 1 for weight in weights):
        scale = torch.tensor(weights, dtype=embeds.dtype, device=embeds.device)
        embeds = embeds * scale.view(-1, *[1] * (embeds.ndim - 1))
    if mode not in TOGETHER or len(embeds) == 1:
        return embeds
    if mode == "average":
        return embeds.mean(0, keepdim=True)
    if mode == "norm average":
        return (embeds / embeds.norm(dim=0, keepdim=True).clamp_min(1e-12)).mean(0, keepdim=True)
    if mode == "add":
        return embeds.sum(0, keepdim=True)
    return embeds[:1] - embeds[1:].mean(0, keepdim=True)


def concat_tokens(tokens: Tensor) -> Tensor:
    """[N, T, D] -> [1, N·T, D]: one softmax over the tokens of all pictures."""
    return tokens.reshape(1, -1, tokens.shape[-1])


def token_bias(weights: Sequence[float], tokens: int) -> Tensor | None:
    """log(w) for every token of each picture, float32 [N·T], to be added to the attention's logits; None if all are 1.

    A picture of weight 2 then counts exactly as if it had been given twice; weight 0 takes it out.
    """
    if all(weight == 1 for weight in weights):
        return None
    if any(weight < 0 for weight in weights) or all(weight == 0 for weight in weights):
        raise IpAdapterError(f"`image_weights` is {list(weights)}; weighted concat takes numbers from 0 up, and at least "
                             "one above 0.")
    logs = [math.log(weight) if weight > 0 else -math.inf for weight in weights]
    return torch.tensor(logs).repeat_interleave(tokens)
