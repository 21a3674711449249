"""Noise levels of an SD 1.5 checkpoint: the model's 1000 timesteps, their sigmas, and the way between the two."""

from __future__ import annotations

import torch
from torch import Tensor

BETA_START, BETA_END, TIMESTEPS = 0.00085, 0.012, 1000


class NoiseLevels(torch.nn.Module):
    """Variance-preserving alphas and variance-exploding sigmas, both [1000] and ascending in noise.

    sigma² = (1 - ᾱ) / ᾱ, with ᾱ the cumulative product of 1 - β and √β linear (Rombach et al., 2022).
    """

    alphas_cumprod: Tensor
    sigmas: Tensor
    log_sigmas: Tensor

    def __init__(self):
        super().__init__()
        betas = torch.linspace(BETA_START ** 0.5, BETA_END ** 0.5, TIMESTEPS, dtype=torch.float64) ** 2
        kept = torch.cumprod(1 - betas, dim=0)
        sigmas = ((1 - kept) / kept) ** 0.5
        for name, values in (("alphas_cumprod", kept), ("sigmas", sigmas), ("log_sigmas", sigmas.log())):
            self.register_buffer(name, values.float(), persistent=False)

    def timestep(self, sigma: Tensor) -> Tensor:
        """Return the integer timesteps whose sigmas are nearest on a log scale. sigma: any shape."""
        offsets = sigma.log().to(self.log_sigmas.device) - self.log_sigmas[:, None]
        nearest = offsets.abs().argmin(dim=0)
        return nearest.view(sigma.shape).to(sigma.device)

    def sigma(self, timestep: Tensor) -> Tensor:
        """Return the sigmas of fractional timesteps, log-linear between their neighbours; clamped to 0..999."""
        position = timestep.float().to(self.log_sigmas.device).clamp(0, TIMESTEPS - 1)
        below, above, part = position.floor().long(), position.ceil().long(), position.frac()
        logs = (1 - part) * self.log_sigmas[below] + part * self.log_sigmas[above]
        return torch.exp(logs).to(timestep.device)

    def percent_to_sigma(self, percent: float) -> float:
        """Return the sigma at a fraction of sampling: at most 0 gives a number above all sigmas, at least 1 gives 0."""
        if percent <= 0:
            return 999999999.9
        return 0.0 if percent >= 1 else self.sigma(torch.tensor((1 - percent) * 999.0)).item()
