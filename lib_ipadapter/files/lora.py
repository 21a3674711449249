"""Extracts the LoRA inside FaceID files: low-rank updates of self- and cross-attention, keyed like the layers."""

from __future__ import annotations

from collections.abc import Mapping
from typing import NamedTuple

from torch import Tensor

from ..unet_layers import processor_module
from .adapter_file import layer_number

PROJECTIONS = {"to_q_lora": "to_q", "to_k_lora": "to_k", "to_v_lora": "to_v", "to_out_lora": "to_out.0"}


class LoraDelta(NamedTuple):
    """A low-rank update: weight += strength · up @ down; there is no alpha, so no division by the rank.

    module: the attention, such as `input_blocks.1.1.transformer_blocks.0.attn1`.  projection: to_q|to_k|to_v|to_out.0.
    up: [out, rank], down: [rank, in].
    """

    module: str
    projection: str
    up: Tensor
    down: Tensor

    @property
    def weight_key(self) -> str:
        """Return the weight's key in the host's UNet, without `diffusion_model.`."""
        return f"{self.module}.{self.projection}.weight"


def lora_deltas(ip_adapter: Mapping[str, Tensor], base: str) -> list[LoraDelta]:
    """Return every LoRA pair of an adapter's `ip_adapter` half; [] for families without a LoRA."""
    deltas = []
    for key, down in ip_adapter.items():
        number, _, rest = key.partition(".")
        name, _, leaf = rest.partition(".")
        if name not in PROJECTIONS or leaf != "down.weight":
            continue
        up = ip_adapter[f"{number}.{name}.up.weight"]
        deltas.append(LoraDelta(processor_module(base, layer_number(key)), PROJECTIONS[name], up, down))
    return deltas
