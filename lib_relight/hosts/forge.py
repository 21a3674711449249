"""Adapter for Forge and Forge Neo (`backend.*`)."""

from __future__ import annotations

import sys
from typing import Any

from backend import attention, memory_management
from backend.patcher.base import ModelPatcher
from torch import Tensor

from .patcher import PatcherHost, to_host_range
from .types import Attention, Processing

try:
    from backend.patcher.lora import weight_adapter
except ImportError:  # Forge
    weight_adapter = None


class ForgeHost(PatcherHost):
    """Forge has a slot for a concat condition and a hook for the posterior's mode; Neo has neither."""

    name = "forge"
    memory_management = memory_management
    lora_adapter = getattr(weight_adapter, "LoRAAdapter", None)

    def __init__(self):
        self.native_mode = hasattr(ModelPatcher, "set_model_vae_regulation")
        self.native_concat = self.native_mode

    def encode_mode(self, vae: Any, pixels: Tensor) -> Tensor:
        if not self.native_mode:
            return super().encode_mode(vae, pixels)
        vae = vae.clone()
        vae.patcher.set_model_vae_regulation(lambda posterior: posterior.mode())
        return vae.encode(to_host_range(pixels))

    def scale_latent(self, p: Processing, latent: Tensor) -> Tensor:
        return p.sd_model.forge_objects.vae.first_stage_model.process_in(latent)

    def sigma_table(self, p: Processing) -> Tensor:
        return self.unet(p).model.predictor.sigmas

    def sigma_of(self, p: Processing, percent: float) -> float:
        return float(self.unet(p).model.predictor.percent_to_sigma(percent))

    def attention(self) -> Attention:
        return current_attention


def current_attention(q: Tensor, k: Tensor, v: Tensor, heads: int) -> Tensor:
    """Call the attention that the host's UNet calls at this moment: it may be replaced after extensions are imported.

    Image tokens never go through it: quantised kernels (INT8, Sage) would lose most of what four tokens say.
    """
    unet = sys.modules.get("backend.nn.unet")
    return getattr(unet, "attention_function", attention.attention_function)(q, k, v, heads)
