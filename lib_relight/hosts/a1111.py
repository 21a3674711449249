"""Adapter for A1111 (`modules.*` alone): it has no patcher, so patches are applied around each run of the sampler."""

from __future__ import annotations

import functools
import math
import sys
from collections.abc import Callable, Sequence
from typing import Any

import torch
from torch import Tensor

from ...lib_ipadapter.files.lora import LoraDelta
from ..base.errors import RelightError
from .a1111_unet import Unet, applied
from .state import state_of
from .types import Processing, Sampler
from .webui import WebuiHost, family_of, fits


class A1111Host(WebuiHost):
    name = "a1111"

    def unet(self, p: Processing) -> Unet:
        return Unet(p.sd_model.model.diffusion_model)

    def commit(self, p: Processing, unet: Unet) -> None:
        """Have the next run of p's sampler use unet, and that one only."""
        check_reachable()
        state, sampler = state_of(p), p.sampler
        state.pending = unet
        if state.patched is not sampler:
            state.patched = sampler
            for name in ("sample", "sample_img2img"):
                setattr(sampler, name, self.with_patches(sampler, getattr(sampler, name)))

    def with_patches(self, sampler: Sampler, run: Callable) -> Callable:
        @functools.wraps(run)
        def patched(p: Processing, *args, **kwargs):
            state = state_of(p)
            unet, state.pending = state.pending, None
            if unet is None:
                return run(p, *args, **kwargs)
            with applied(unet, sampler.model_wrap_cfg, functools.partial(self.to_sigma, p), Lora):
                return run(p, *args, **kwargs)

        return patched

    def to_sigma(self, p: Processing, level: Tensor) -> Tensor:
        """Samplers with sigmas call the model with them, the others with timesteps."""
        if hasattr(p.sampler, "get_sigmas"):
            return level
        return self.sigma_table(p).to(level.device)[level.long()]

    def family(self, p: Processing) -> str | None:
        return None if getattr(p.sd_model, "model", None) is None else family_of(p.sd_model)

    def in_channels(self, p: Processing) -> int:
        return int(p.sd_model.model.diffusion_model.in_channels)

    def vae_identity(self, p: Processing) -> str:
        """Another checkpoint or VAE may be loaded into the same module, and its precision raised after a black image."""
        from modules import devices, sd_vae

        return f"{p.sd_model.sd_checkpoint_info.filename} {sd_vae.loaded_vae_file} {devices.dtype_vae}"

    @torch.no_grad()
    def encode(self, p: Processing, pixels: Tensor, mode: bool = True) -> Tensor:
        from modules import devices

        model = p.sd_model
        model.first_stage_model.to(devices.dtype_vae)
        with devices.without_autocast():
            posterior = model.encode_first_stage(pixels.to(devices.device, devices.dtype_vae))
        return (posterior.mode() if mode else posterior.sample()).float() * model.scale_factor

    def add_weight_deltas(self, unet: Unet, deltas: dict[str, Tensor], identity: str) -> int:
        weights = dict(unet.model.named_parameters())
        fitting = {key: delta for key, delta in deltas.items() if fits(weights.get(key), delta)}
        for key, delta in fitting.items():
            unet.add(key, delta)
        return len(fitting)

    def merged_weights(self) -> str:
        return "none between jobs"

    def follow_tiles(self, unet: Unet) -> None:
        """Do nothing: extensions that sample in tiles here stop the job."""

    def set_concat(self, unet: Unet, latent: Tensor) -> None:
        unet.concat = latent

    def attn2_table(self, unet: Unet) -> dict:
        return unet.attention

    def set_cross_attention(self, unet: Unet, block: tuple, patch: Callable) -> None:
        unet.attention[block] = patch

    def add_lora(self, unet: Unet, deltas: Sequence[LoraDelta], strength: float, identity: str) -> int:
        weights = dict(unet.model.named_parameters())
        fitting = [delta for delta in deltas if delta.weight_key in weights
                   and weights[delta.weight_key].shape == (len(delta.up), delta.down.shape[1])]
        for delta in fitting:
            unet.add(delta.weight_key, (delta.up, delta.down), strength)
        return len(fitting)

    def set_start_latent(self, p: Processing, noise: Tensor, latent: Tensor) -> None:
        """Change noise in place: the host samples from the tensor that it passed to the hook."""
        noise.copy_(self.start_noise(p, noise, latent.to(noise)))

    def sigma_table(self, p: Processing) -> Tensor:
        remaining = p.sd_model.alphas_cumprod.float().cpu()
        return ((1 - remaining) / remaining) ** 0.5

    def sigma_of(self, p: Processing, percent: float) -> float:
        """Interpolate as the other hosts do: a share of the training steps, between two of them on the logarithm."""
        if percent <= 0:
            return 999999999.9
        if percent >= 1:
            return 0.0
        logs = self.sigma_table(p).log()
        place = (1 - percent) * (len(logs) - 1)
        below = min(int(place), len(logs) - 2)
        return math.exp(torch.lerp(logs[below], logs[below + 1], place - below))

    def attention(self) -> None:
        return None

    def device(self) -> torch.device:
        from modules import devices

        return torch.device(devices.device)


def check_reachable() -> None:
    """Raise RelightError where the patches would not reach what samples."""
    from modules import sd_unet

    if sd_unet.current_unet is not None:
        raise RelightError("Another UNet (TensorRT, ONNX) replaces the checkpoint's own, and Relight cannot reach it; set "
                           "Settings > Stable Diffusion > SD Unet to None.")


class Lora:
    """The built-in Lora merges inside forward, and takes its backup there, or (old way) adds to each layer's output."""

    @staticmethod
    def settle(layer: torch.nn.Module) -> None:
        networks = sys.modules.get("networks")
        if not hasattr(networks, "network_apply_weights"):
            return
        if not adds_to_outputs():
            networks.network_apply_weights(layer)
        elif networks.loaded_networks:
            networks.network_restore_weights_from_backup(layer)
            networks.network_reset_cached_weight(layer)

    @staticmethod
    def state() -> tuple[Any, ...]:
        loaded = getattr(sys.modules.get("networks"), "loaded_networks", ())
        return adds_to_outputs(), [(net.name, net.te_multiplier, net.unet_multiplier, net.dyn_dim) for net in loaded]


def adds_to_outputs() -> bool:
    from modules import shared

    return bool(getattr(shared.opts, "lora_functional", False))
