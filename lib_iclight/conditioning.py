"""Builds the inputs of the VAE, the UNet and the sampler: VAE pixels, the c_concat condition, the start noise.

Latents are [B, 4, h, w], already times the VAE's scaling factor.
"""

from __future__ import annotations

import numpy as np
import torch


def to_vae_input(image: np.ndarray) -> torch.Tensor:
    """Convert uint8 [H, W, 3] to float32 [1, 3, H, W] = x/127 - 1: grey 127 is exactly 0, white 1.0079, black -1.

    For a VAE whose input range is -1..1. Returns a view of [1, H, W, 3], as numpy2pytorch of IC-Light's gradio_demo.py
    and every host do: another memory layout selects another convolution kernel, whose last bits differ.
    """
    return (torch.from_numpy(image.copy())[None].float() / 127.0 - 1.0).movedim(-1, 1)


def concat_condition(foreground: torch.Tensor, background: torch.Tensor | None = None,
                     scale: float = 1.0) -> torch.Tensor:
    """Concatenate the condition over channels, foreground first: [B, 4, h, w] for fc, [B, 8, h, w] for fbc; times scale."""
    parts = [foreground] if background is None else [foreground, background]
    joined = torch.cat(parts, dim=1)
    return joined if scale == 1.0 else joined * scale


def repeat_to_batch(condition: torch.Tensor, batch: int) -> torch.Tensor:
    """Repeat [B, C, h, w] along the batch to `batch` rows, in order, as the original's `[c] * (B // Bc)`.

    The rows repeat as a block (a, b, a, b), the order of cond and uncond in the UNet's batch. Raises ValueError if
    condition's rows do not divide batch.
    """
    if batch % condition.shape[0]:
        raise ValueError(f"a condition of {condition.shape[0]} rows does not divide a batch of {batch}")
    return condition.repeat(batch // condition.shape[0], 1, 1, 1)


def start_noise(noise: torch.Tensor, light_latent: torch.Tensor, sigma_max: float | torch.Tensor) -> torch.Tensor:
    """Return the start noise of txt2img with a light map: noise + z_light / sigma_max.

    Sampling starts at sigma_max * noise, which becomes sigma_max * noise + z_light: img2img from the light map at
    denoise 1.
    """
    return noise + light_latent.to(noise) / sigma_max


def masked_init(init: torch.Tensor, light: torch.Tensor, nmask: torch.Tensor | None) -> torch.Tensor:
    """Return the img2img init latent: the light map's latent where nmask is 1 (repainted), the image's where it is 0.

    nmask: broadcastable to [B, 4, h, w], or None when everything is repainted.
    """
    light = light.to(init).expand_as(init)
    if nmask is None:
        return light.clone()
    nmask = nmask.to(init)
    return init * (1 - nmask) + light * nmask
