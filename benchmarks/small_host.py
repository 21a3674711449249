"""A diffusers UNet with an attn2 replace table: what a WebUI host gives attention patches, and nothing else."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import torch
from diffusers import UNet2DConditionModel
from diffusers.models.attention_processor import AttnProcessor2_0
from torch import Tensor

from ..lib_ipadapter.unet_layers import LAYERS


class Slot:
    """One attn2 of the UNet as a host runs it: to_q, to_k, to_v, the patch if there is one, to_out."""

    def __init__(self, host: MiniHost, slot: tuple, t_idx: int):
        self.host, self.slot, self.t_idx = host, slot, t_idx

    def __call__(self, attn: Any, hidden_states: Tensor, encoder_hidden_states: Tensor | None = None,
                 attention_mask: Tensor | None = None, temb: Tensor | None = None) -> Tensor:
        q, k, v = attn.to_q(hidden_states), attn.to_k(encoder_hidden_states), attn.to_v(encoder_hidden_states)
        options = {**self.host.options, "n_heads": attn.heads, "block": self.slot[:2], "transformer_index": self.t_idx}
        patch = self.host.table.get(self.slot)
        out = patch(q, k, v, options) if patch else host_attention(q, k, v, attn.heads)
        return attn.to_out[1](attn.to_out[0](out))


def host_attention(q: Tensor, k: Tensor, v: Tensor, heads: int, mask: Tensor | None = None) -> Tensor:
    q, k, v = (t.view(t.shape[0], -1, heads, t.shape[-1] // heads).transpose(1, 2) for t in (q, k, v))
    out = torch.nn.functional.scaled_dot_product_attention(q, k, v)
    return out.transpose(1, 2).reshape(out.shape[0], -1, out.shape[1] * out.shape[3])


class MiniHost:
    """unet(x, t, text) with `table` as attn2 replace patches. base: sd15 or sdxl, whose topology the UNet has."""

    def __init__(self, base: str, unet: UNet2DConditionModel):
        self.table: dict[tuple, Callable] = {}
        self.options: dict[str, Any] = {}
        self.unet = unet
        cross = [name for name in unet.attn_processors if "attn2" in name]
        slots = {name: Slot(self, layer.slot(base), layer.t_idx) for name, layer in zip(cross, LAYERS[base])}
        unet.set_attn_processor({name: slots.get(name, AttnProcessor2_0()) for name in unet.attn_processors})

    def prepare(self, shape: Sequence[int], chunks: Sequence[int], sigma: float = 1.0) -> None:
        """Set the options of a call. shape: of the UNet's input; chunks: 0 for conditional, 1 for unconditional rows."""
        self.options = {"original_shape": list(shape), "cond_or_uncond": list(chunks),
                        "sigmas": torch.full((shape[0] // len(chunks),), sigma)}

    @torch.no_grad()
    def __call__(self, x: Tensor, t: Any, text: Tensor, chunks: Sequence[int], sigma: float = 1.0) -> Tensor:
        self.prepare(x.shape, chunks, sigma)
        return self.unet(x, t, text).sample
