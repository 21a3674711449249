"""What the UNet is shown: which timesteps, and noisy latents that look like the ones it meets when it samples.

Without zero terminal SNR the side of the light is read out of the noisy initial latent, so the last timesteps count
more. IC-Light's img2img starts from a gradient that lacks the object: on DDIM's path from a start s to the target z,
x_t = sqrt(a_t) z + sqrt(1 - a_t) (e + r (s - z)) with r = sqrt(a_s / (1 - a_s)) of the first timestep. A share of the
samples is drawn from that path, or a few deterministic steps would wash the object's colours out.
"""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor

from .latents import TIMESTEPS

LOSS_CAP = 100.0


def draw_timesteps(count: int, generator: torch.Generator, *, first: int = 650, share: float = 0.25) -> Tensor:
    """int64 [count]: uniform, with `share` of the draws from `first` on."""
    anywhere = torch.randint(0, TIMESTEPS, (count,), generator=generator)
    late = torch.randint(first, TIMESTEPS, (count,), generator=generator)
    return torch.where(torch.rand(count, generator=generator) < share, late, anywhere)


def path_shift(alphas: Tensor, t: Tensor, z: Tensor, start: Tensor, share: float, generator: torch.Generator) -> Tensor:
    """What `share` of the samples have in their noise on the path from `start`; zero for the others."""
    earliest = torch.randint(870, TIMESTEPS, (len(t),), generator=generator)
    first = alphas[torch.maximum(t, earliest)]
    ratio = (first / (1 - first)).sqrt() * (torch.rand(len(t), generator=generator) < share)
    return ratio[:, None, None, None] * (start - z)


def step_errors(alphas: Tensor, t: Tensor, z: Tensor, size: float, generator: torch.Generator) -> Tensor:
    """Errors of earlier steps, fine and blotchy, as they would sit in the noise; later steps must remove them."""
    def normal(divide: int) -> Tensor:
        return torch.randn(*z.shape[:2], z.shape[2] // divide, z.shape[3] // divide, generator=generator)

    blotchy = F.interpolate(normal(2), scale_factor=2.0, mode="bilinear")
    amount = size * torch.rand(len(t), 1, 1, 1, generator=generator)
    ratio = (alphas[t] / (1 - alphas[t])).sqrt().clamp_max(10)
    return ratio[:, None, None, None] * amount * (normal(1) + blotchy)


def weighted_loss(predicted: Tensor, noise: Tensor, alpha_bar: Tensor) -> Tensor:
    """Mean squared error of epsilon, weighted by 1/alpha_bar up to LOSS_CAP: the error of the image at late timesteps."""
    error = (predicted - noise).pow(2).mean((1, 2, 3))
    return (error * (1 / alpha_bar).clamp_max(LOSS_CAP)).mean()
