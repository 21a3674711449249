"""What the UNet and the sampler get: pixels for the VAE, the concatenated condition, the light in the start.

Latents are [B, 4, h, w], already times the VAE's scaling factor.
"""

from __future__ import annotations

import numpy as np
import torch


def to_vae_input(image: np.ndarray) -> torch.Tensor:
    """uint8 [H, W, 3] -> float32 [1, 3, H, W] = x/127 - 1: grey 127 is exactly 0, white 1.0079, black -1.

    For a VAE that takes -1..1 itself. A view on [1, H, W, 3], as numpy2pytorch of IC-Light's gradio_demo.py and every
    host make it: another memory order takes another convolution, whose last bits differ.
    """
    return (torch.from_numpy(image.copy())[None].float() / 127.0 - 1.0).movedim(-1, 1)



def concat_condition(foreground: torch.Tensor, background: torch.Tensor | None = None,
                     scale: float = 1.0) -> torch.Tensor:
    """Join the condition on the channels, foreground first: [B, 4, h, w] for fc, [B, 8, h, w] for fbc."""
    parts = [foreground] if background is None else [foreground, background]
    joined = torch.cat(parts, dim=1)
    return joined if scale == 1.0 else joined * scale


def repeat_to_batch(condition: torch.Tensor, batch: int) -> torch.Tensor:
    """Repeat [B, C, h, w] along the batch to `batch` rows, in order, as the original's `[c] * (B // Bc)`.

    The rows of one request repeat as a block (a, b, a, b): that is how cond and uncond stack in the UNet's batch.
    """
    if batch % condition.shape[0]:
        raise ValueError(f"a condition of {condition.shape[0]} rows does not divide a batch of {batch}")
    return condition.repeat(batch // condition.shape[0], 1, 1, 1)


def start_noise(noise: torch.Tensor, light_latent: torch.Tensor, sigma_max: float | torch.Tensor) -> torch.Tensor:
    """Start noise for txt2img with a light: noise + z_light / sigma_max.

    Sampling starts at sigma_max * noise, which becomes sigma_max * noise + z_light: img2img from the light map at
    denoise 1.
    """
    return noise + light_latent.to(noise) / sigma_max


def masked_init(init: torch.Tensor, light: torch.Tensor, nmask: torch.Tensor | None) -> torch.Tensor:
    """Initial latent for img2img: the light map's latent where nmask is 1 (repainted), the picture's where it is 0.

    nmask: broadcastable to [B, 4, h, w], or None when everything is repainted.
    """
    light = light.to(init).expand_as(init)
    if nmask is None:
        return light.clone()
    nmask = nmask.to(init)
    return init * (1 - nmask) + light * nmask
