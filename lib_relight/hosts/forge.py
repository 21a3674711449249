"""Forge and Forge Neo (`backend.*`)."""

from __future__ import annotations

import torch
from backend import memory_management
from backend.attention import attention_function
from backend.patcher.base import ModelPatcher

from .patcher import PatcherHost, to_host_range

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

    def encode_mode(self, vae, pixels: torch.Tensor) -> torch.Tensor:
        if not self.native_mode:
            return super().encode_mode(vae, pixels)
        vae = vae.clone()
        vae.patcher.set_model_vae_regulation(lambda posterior: posterior.mode())
        return vae.encode(to_host_range(pixels))

    def scale_latent(self, p, latent: torch.Tensor) -> torch.Tensor:
        return p.sd_model.forge_objects.vae.first_stage_model.process_in(latent)

    def sigma_table(self, p) -> torch.Tensor:
        return self.unet(p).model.predictor.sigmas

    def sigma_of(self, p, percent: float) -> float:
        return float(self.unet(p).model.predictor.percent_to_sigma(percent))

    def attention(self):
        return attention_function
