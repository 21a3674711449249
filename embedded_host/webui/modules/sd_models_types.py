"""The loaded checkpoint as `p.sd_model`. Needed by: lib_relight/hosts and every extension that patches the UNet."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from types import SimpleNamespace
from typing import Any

import torch
from modules import devices
from modules.shared import opts
from torch import Tensor

from sd_relight.embedded_host.engine.denoiser import Denoiser, LatentFormat
from sd_relight.embedded_host.engine.noise_levels import NoiseLevels
from sd_relight.embedded_host.engine.patcher import ModelPatcher
from sd_relight.embedded_host.engine.text_encoder import TextEncoder
from sd_relight.embedded_host.engine.unet import LdmUNet
from sd_relight.embedded_host.engine.unet_patcher import UnetPatcher
from sd_relight.embedded_host.engine.vae import VAE, FirstStage

CACHED_CONDITIONS = 8


class Clip:
    """The text encoder with its patcher. cond_stage_model.transformer: CLIPTextModel; tokenizer.clip_l: CLIPTokenizer."""

    def __init__(self, transformer: Any, tokenizer: Any):
        self.cond_stage_model = torch.nn.ModuleDict({"transformer": transformer})
        self.tokenizer = SimpleNamespace(clip_l=tokenizer)
        self.patcher = ModelPatcher(self.cond_stage_model)

    def clone(self) -> Clip:
        other = object.__new__(Clip)
        other.cond_stage_model, other.tokenizer, other.patcher = self.cond_stage_model, self.tokenizer, self.patcher.clone()
        return other


@dataclass
class ForgeObjects:
    """The parts of a checkpoint that a pass uses; extensions assign patched clones."""

    unet: UnetPatcher
    clip: Clip
    vae: VAE
    clipvision: None = None

    def shallow_copy(self) -> ForgeObjects:
        return replace(self)


class StableDiffusion:
    """An SD 1.5 checkpoint.

    unet, autoencoder: diffusers networks; text_encoder, tokenizer: transformers'; names: {diffusers module: LDM module} of
    the UNet. forge_objects are the running pass's parts, forge_objects_after_applying_lora those of the batch,
    forge_objects_original the unpatched ones.
    """

    is_sd1 = True
    is_sd2 = is_sdxl = is_inpaint = False

    def __init__(self, unet: Any, autoencoder: Any, text_encoder: Any, tokenizer: Any, names: Mapping[str, str], info: Any):
        self.sd_checkpoint_info, self.sd_model_hash, self.filename = info, info.shorthash, info.filename
        network = unet.to(device=devices.device, dtype=devices.dtype_unet).eval().requires_grad_(False)
        transformer = text_encoder.to(devices.device).eval().requires_grad_(False)
        model = Denoiser(LdmUNet(network, names), NoiseLevels(), LatentFormat(float(autoencoder.config.scaling_factor)),
                         devices.dtype_unet).to(devices.device)
        vae = VAE(FirstStage(autoencoder), devices.device, devices.dtype_vae)
        self.forge_objects_original = ForgeObjects(UnetPatcher(model), Clip(transformer, tokenizer), vae)
        self.use_parts(self.forge_objects_original.shallow_copy())
        self.current_loras: list[Any] = []
        self.text_processing_engine = TextEncoder(transformer, tokenizer)
        self._conditions: OrderedDict[tuple, Tensor] = OrderedDict()

    @property
    def model(self) -> Denoiser:
        return self.forge_objects.unet.model

    def use_parts(self, parts: ForgeObjects) -> None:
        """Start every pass from these parts, until the next call."""
        self.forge_objects_after_applying_lora = parts
        self.reset_parts()

    def reset_parts(self) -> None:
        """Drop what extensions assigned: the next pass starts with the LoRAs' patches only."""
        self.forge_objects = self.forge_objects_after_applying_lora.shallow_copy()

    @torch.no_grad()
    def get_learned_conditioning(self, prompts: Sequence[str]) -> Tensor:
        """Encode prompts to float32 [B, 77 · chunks, D] with the settings of the moment. The last few are cached."""
        patcher = self.forge_objects.clip.patcher
        patcher.load()
        clip_skip = int(opts.CLIP_stop_at_last_layers)
        key = (*prompts, patcher.lora_loader.loaded_hash, clip_skip, opts.emphasis)
        if key not in self._conditions:
            self._conditions[key] = self.text_processing_engine.encode(prompts, clip_skip, opts.emphasis)
            if len(self._conditions) > CACHED_CONDITIONS:
                self._conditions.popitem(last=False)
        return self._conditions[key]

    @torch.no_grad()
    def encode_first_stage(self, x: Tensor) -> Tensor:
        """Encode [B, 3, H, W], -1..1, to a scaled latent: a sample of the posterior."""
        vae = self.forge_objects.vae
        return vae.first_stage_model.process_in(vae.encode(x.movedim(1, -1) * 0.5 + 0.5)).to(x)

    @torch.no_grad()
    def decode_first_stage(self, x: Tensor) -> Tensor:
        """Decode a scaled latent to [B, 3, H, W], -1..1."""
        vae = self.forge_objects.vae
        pixels = vae.decode(vae.first_stage_model.process_out(x))
        return (pixels.movedim(-1, 1) * 2 - 1).to(x)
