"""Combines the embeddings of several images in one unit, before and after the projection."""

from __future__ import annotations

import math
from collections.abc import Sequence

import torch
from torch import Tensor

from ..errors import IpAdapterError

MERGING_MODES = ("average", "norm average", "add", "subtract")
"""Modes that return one embedding; the others keep one per image."""


def image_weights(weights: Sequence[float], count: int) -> tuple[float, ...]:
    """Return one weight for each of `count` images; missing ones are 1. Raises IpAdapterError for too many."""
    if len(weights) > count:
        raise IpAdapterError(f"`image_weights` has {len(weights)} numbers for {count} images; leave out the last "
                             f"{len(weights) - count}.")
    return (*weights, *[1.0] * (count - len(weights)))


def combine(embeds: Tensor, mode: str, weights: Sequence[float] = ()) -> Tensor:
    """Combine encoder output [N, ...] to [1, ...] for the modes in MERGING_MODES; other modes return [N, ...].

    weights multiply each image's embedding, except in modes that apply them later (weighted concat, separate).
    """
    weights = image_weights(weights, len(embeds))
    if mode not in ("weighted concat", "separate") and any(weight != 1 for weight in weights):
        scale = torch.tensor(weights, dtype=embeds.dtype, device=embeds.device)
        embeds = embeds * scale.view(-1, *[1] * (embeds.ndim - 1))
    if mode not in MERGING_MODES or len(embeds) == 1:
        return embeds
    if mode == "average":
        return embeds.mean(0, keepdim=True)
    if mode == "norm average":
        return (embeds / embeds.norm(dim=0, keepdim=True).clamp_min(1e-12)).mean(0, keepdim=True)
    if mode == "add":
        return embeds.sum(0, keepdim=True)
    return embeds[:1] - embeds[1:].mean(0, keepdim=True)


def concat_tokens(tokens: Tensor) -> Tensor:
    """Concatenate [N, T, D] to [1, N·T, D], for one softmax over the tokens of all images."""
    return tokens.reshape(1, -1, tokens.shape[-1])


def token_bias(weights: Sequence[float], tokens: int) -> Tensor | None:
    """Return log(w) for every token of each image, float32 [N·T], an addend of the attention logits; None if all are 1.

    Weight 2 equals giving the image twice; weight 0 removes it. Raises IpAdapterError for weights below 0 or all 0.
    """
    if all(weight == 1 for weight in weights):
        return None
    if any(weight < 0 for weight in weights) or all(weight == 0 for weight in weights):
        raise IpAdapterError(f"`image_weights` is {list(weights)}; weighted concat takes numbers from 0 up, and at least "
                             "one above 0.")
    logs = [math.log(weight) if weight > 0 else -math.inf for weight in weights]
    return torch.tensor(logs).repeat_interleave(tokens)
