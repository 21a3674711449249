"""The VAE: images [B, H, W, C] in 0..1 to latents and back, one image at a time."""

from __future__ import annotations

import copy
from collections.abc import Callable
from typing import Any

import torch
from diffusers.models.autoencoders.vae import DiagonalGaussianDistribution
from torch import Tensor

from .patcher import ModelPatcher

Posterior = DiagonalGaussianDistribution


class FirstStage(torch.nn.Module):
    """The networks of a diffusers AutoencoderKL; `encode` returns a latent, not a distribution."""

    def __init__(self, autoencoder: Any):
        super().__init__()
        for name in ("encoder", "decoder", "quant_conv", "post_quant_conv"):
            setattr(self, name, getattr(autoencoder, name))
        self.config = autoencoder.config

    def encode(self, x: Tensor, regulation: Callable[[Posterior], Tensor] | None = None) -> Tensor:
        """Encode [B, 3, H, W], -1..1, to [B, 4, H/8, W/8].

        regulation: chooses the latent; by default a sample of the posterior, drawn from torch's global generator.
        """
        moments = self.encoder(x)
        posterior = Posterior(moments if self.quant_conv is None else self.quant_conv(moments))
        return regulation(posterior) if regulation else posterior.sample()

    def decode(self, z: Tensor) -> Tensor:
        """Decode [B, 4, h, w] to [B, 3, 8h, 8w], about -1..1."""
        return self.decoder(z if self.post_quant_conv is None else self.post_quant_conv(z))

    def process_in(self, latent: Tensor) -> Tensor:
        """Scale an encoder's latent for the UNet."""
        return latent * self.config.scaling_factor

    def process_out(self, latent: Tensor) -> Tensor:
        """Scale a UNet's latent for the decoder."""
        return latent / self.config.scaling_factor


class VAE:
    """A FirstStage on its device. Latents are not scaled; clones share the networks and have a patcher of their own."""

    def __init__(self, first_stage: FirstStage, device: torch.device, dtype: torch.dtype):
        self.first_stage_model = first_stage.eval().to(device=device, dtype=dtype)
        self.device = self.output_device = device
        self.vae_dtype = dtype
        self.latent_channels: int = first_stage.config.latent_channels
        self.patcher = ModelPatcher(first_stage, device, device)

    def clone(self) -> VAE:
        other = copy.copy(self)
        other.patcher = self.patcher.clone()
        return other

    @torch.no_grad()
    def encode(self, pixel_samples: Tensor) -> Tensor:
        """Encode [B, H, W, 3], 0..1, to float32 [B, 4, H/8, W/8]."""
        self.patcher.load()
        regulation = self.patcher.model_options.get("model_vae_regulation")
        pixels = self._placed(2 * pixel_samples.movedim(-1, 1) - 1)
        latents = [self.first_stage_model.encode(image[None], regulation) for image in pixels]
        return torch.cat(latents).to(self.output_device).float()

    @torch.no_grad()
    def decode(self, samples_in: Tensor) -> Tensor:
        """Decode [B, 4, h, w] to float32 [B, 8h, 8w, 3], 0..1."""
        self.patcher.load()
        pixels = torch.cat([self.first_stage_model.decode(latent[None]) for latent in self._placed(samples_in)])
        return ((pixels.float() + 1) / 2).clamp(0, 1).to(self.output_device).movedim(1, -1)

    def _placed(self, tensor: Tensor) -> Tensor:
        return tensor.to(device=self.device, dtype=self.vae_dtype)
