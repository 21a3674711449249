"""Builds the attention units of one IP-Adapter unit from its encoded prompts."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor

from ..encode.adapter import Adapter
from ..encode.tokens import ImagePrompt
from ..params import IpAdapterParams
from .attention import Unit, wanted_layers
from .keys_values import compute_keys
from .maskgrid import MaskGrid
from .masks import resize_mask
from .timing import Window
from .weight_types import transformer_weights


def build_units(adapter: Adapter, prompts: Sequence[ImagePrompt], params: IpAdapterParams, *, identity: str,
                mask: Tensor | None = None, device: torch.device | str = "cpu",
                dtype: torch.dtype = torch.float32) -> list[Unit]:
    """Return the attention units of one IP-Adapter unit; [] when its weight is 0 everywhere.

    identity: cache key of model, images and parameters.  mask: float [M, H, W] in output space, cropped to the sampled
    region.  device: where keys and values are computed.  dtype: in which they are stored, in RAM.
    """
    units = []
    for number, prompt in enumerate(prompts):
        weights = transformer_weights(
            params.weight_type, adapter.variant.base, params.weight * prompt.weight,
            composition_weight=params.composition_weight * prompt.weight, boost=params.boost,
            layer_weights=params.layer_weights)
        if not weights:
            continue
        keys = compute_keys(adapter.layers, prompt.cond, prompt.uncond, prompt.bias, device=device, dtype=dtype,
                            wanted=wanted_layers(weights, adapter.variant.base))
        area = prompt_mask(prompt, mask)
        units.append(Unit(keys, weights, params.scaling, Window(params.start, params.end, params.timing, params.curve),
                          None if area is None else MaskGrid(area), f"{identity}|{number}"))
    return units


def prompt_mask(prompt: ImagePrompt, mask: Tensor | None) -> Tensor | None:
    """Return the product of the unit's mask, the image's own and its tile's box; None without any."""
    masks = [m for m in (mask, prompt.mask) if m is not None]
    if prompt.box is not None:
        masks.append(box_mask(prompt.box, (masks[0].shape[-2], masks[0].shape[-1]) if masks else (256, 256)))
    if not masks:
        return None
    area = masks[0]
    for other in masks[1:]:
        area = area * resize_mask(other, *area.shape[-2:])
    return area


def box_mask(box: Sequence[float], size: tuple[int, int]) -> Tensor:
    """Return float [1, H, W], 1 inside the box (left, top, right, bottom as shares 0..1), 0 outside."""
    height, width = size
    left, top, right, bottom = (round(share * side) for share, side in zip(box, (width, height, width, height)))
    area = torch.zeros(1, height, width)
    area[:, top:bottom, left:right] = 1
    return area
