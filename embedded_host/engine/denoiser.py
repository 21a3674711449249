"""The UNet with its preconditioning: a noisy latent and its sigma in, the denoised latent out."""

from __future__ import annotations

from dataclasses import dataclass
from types import SimpleNamespace

import torch
from torch import Tensor

from .noise_levels import NoiseLevels
from .unet import LdmUNet


@dataclass(frozen=True)
class LatentFormat:
    """Scale of the latents that the UNet reads: the VAE's latent times scale_factor."""

    scale_factor: float

    def process_in(self, latent: Tensor) -> Tensor:
        """Scale a VAE latent for the UNet."""
        return self.scale_factor * latent


class Denoiser(torch.nn.Module):
    """D(x; sigma) = x - sigma · eps(x / √(sigma² + 1), t) (Karras et al., 2022, Table 1, VP and iDDPM column).

    Parameters are named `diffusion_model.<LDM name>`; `config.latent_format` is the scale of the latents.
    """

    def __init__(self, unet: LdmUNet, levels: NoiseLevels, latent_format: LatentFormat, dtype: torch.dtype):
        super().__init__()
        self.diffusion_model, self.predictor = unet, levels
        self.config = SimpleNamespace(latent_format=latent_format)
        self.dtype = dtype

    def apply_model(self, x: Tensor, t: Tensor, c_crossattn: Tensor, c_concat: Tensor | None = None,
                    control: dict | None = None, transformer_options: dict | None = None) -> Tensor:
        """Return the denoised latent, float32 [B, 4, h, w].

        x: [B, 4, h, w] at noise level t (sigma, [B]); c_crossattn: text tokens [B, T, D]; c_concat: [B, C, h, w], more input
        channels; control, transformer_options: as LdmUNet takes them.
        """
        sigma = t.view(-1, 1, 1, 1)
        scaled = x / (1.0 + sigma ** 2) ** 0.5
        if c_concat is not None:
            scaled = torch.cat((scaled, c_concat.to(scaled)), dim=1)
        eps = self.diffusion_model(scaled.to(self.dtype), self.predictor.timestep(t).float(), c_crossattn.to(self.dtype),
                                   control, transformer_options)
        return x - eps.float() * sigma
