"""Converts between images and latents, and builds the noise schedule of SD 1.5, IC-Light and these models."""

from __future__ import annotations

import torch
from diffusers import AutoencoderKL, DDIMScheduler
from torch import Tensor

SCALING = 0.18215
TIMESTEPS = 1000


def build_scheduler() -> DDIMScheduler:
    """Return the scheduler: SD 1.5's betas, epsilon prediction, no zero terminal SNR."""
    return DDIMScheduler(num_train_timesteps=TIMESTEPS, beta_start=0.00085, beta_end=0.012,
                         beta_schedule="scaled_linear", clip_sample=False, set_alpha_to_one=False, steps_offset=1,
                         prediction_type="epsilon")


@torch.no_grad()
def encode(vae: AutoencoderKL, images: Tensor) -> Tensor:
    """Encode images [B, 3, H, W], 0..1, to scaled latents [B, 4, H/8, W/8]: the posterior's mode, in slices of 8."""
    parts = [vae.encode(p * 2 - 1).latent_dist.mode() for p in images.split(8)]
    return torch.cat(parts) * SCALING


@torch.no_grad()
def decode(vae: AutoencoderKL, latents: Tensor) -> Tensor:
    """Decode scaled latents to images [B, 3, H, W], clipped to 0..1, in slices of 8."""
    parts = [vae.decode(z / SCALING).sample for z in latents.split(8)]
    return (torch.cat(parts) / 2 + 0.5).clamp(0, 1)


def add_noise(latents: Tensor, noise: Tensor, alpha_bar: Tensor) -> Tensor:
    """Return sqrt(a)*z + sqrt(1-a)*noise with one a for each row."""
    a = alpha_bar[:, None, None, None]
    return a.sqrt() * latents + (1 - a).sqrt() * noise
