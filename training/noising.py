"""Draws timesteps, noise and the loss for UNet training, so that noisy latents resemble those during sampling.

Without zero terminal SNR the side of the light is visible in the noisy initial latent, so the last timesteps weigh
more. IC-Light's img2img starts from a gradient that lacks the object: on DDIM's path from a start s to the target z,
x_t = sqrt(a_t) z + sqrt(1 - a_t) (e + r (s - z)) with r = sqrt(a_s / (1 - a_s)) of the first timestep. A share of the
samples is drawn from that path; otherwise a few deterministic steps would wash out the object's colours.
"""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor

from .latents import TIMESTEPS

LOSS_CAP = 100.0


def draw_timesteps(count: int, generator: torch.Generator, *, first: int = 650, share: float = 0.25) -> Tensor:
    """Draw timesteps, int64 [count]: uniform, with `share` of the draws from `first` on."""
    anywhere = torch.randint(0, TIMESTEPS, (count,), generator=generator)
    late = torch.randint(first, TIMESTEPS, (count,), generator=generator)
    return torch.where(torch.rand(count, generator=generator) < share, late, anywhere)


def path_shift(alphas: Tensor, t: Tensor, z: Tensor, start: Tensor, share: float, generator: torch.Generator) -> Tensor:
    """Return the noise shift of the path from `start` for `share` of the samples; zero for the others."""
    earliest = torch.randint(870, TIMESTEPS, (len(t),), generator=generator)
    first = alphas[torch.maximum(t, earliest)]
    ratio = (first / (1 - first)).sqrt() * (torch.rand(len(t), generator=generator) < share)
    return ratio[:, None, None, None] * (start - z)


def step_errors(alphas: Tensor, t: Tensor, z: Tensor, size: float, generator: torch.Generator) -> Tensor:
    """Return simulated errors of earlier steps, fine and blotchy, as an addend of the noise."""
    def normal(divide: int) -> Tensor:
        return torch.randn(*z.shape[:2], z.shape[2] // divide, z.shape[3] // divide, generator=generator)

    blotchy = F.interpolate(normal(2), scale_factor=2.0, mode="bilinear")
    amount = size * torch.rand(len(t), 1, 1, 1, generator=generator)
    ratio = (alphas[t] / (1 - alphas[t])).sqrt().clamp_max(10)
    return ratio[:, None, None, None] * amount * (normal(1) + blotchy)


def weighted_loss(predicted: Tensor, noise: Tensor, alpha_bar: Tensor) -> Tensor:
    """Return the mean squared error of epsilon, weighted by 1/alpha_bar up to LOSS_CAP."""
    error = (predicted - noise).pow(2).mean((1, 2, 3))
    return (error * (1 / alpha_bar).clamp_max(LOSS_CAP)).mean()
