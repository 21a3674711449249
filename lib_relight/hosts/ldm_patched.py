"""reForge, Forge Classic and old Forge (`ldm_patched.*`)."""

from __future__ import annotations

import torch
from ldm_patched.ldm.modules.attention import optimized_attention
from ldm_patched.modules import model_management

from .patcher import PatcherHost

try:
    from ldm_patched.modules.weight_adapter import LoRAAdapter
except ImportError:  # Classic and old Forge
    LoRAAdapter = None


class LdmPatchedHost(PatcherHost):
    name = "ldm_patched"
    memory_management = model_management
    lora_adapter = LoRAAdapter

    def scale_latent(self, p, latent: torch.Tensor) -> torch.Tensor:
        return self.unet(p).model.process_latent_in(latent)

    def sigma_table(self, p) -> torch.Tensor:
        return self.unet(p).model.model_sampling.sigmas

    def sigma_of(self, p, percent: float) -> float:
        return float(self.unet(p).model.model_sampling.percent_to_sigma(percent))

    def attention(self):
        return optimized_attention
