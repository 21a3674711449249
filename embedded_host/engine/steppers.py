"""One step of each sampler, by diffusers' schedulers on our own sigmas.

x is the latent plus sigma times noise; the schedulers of DPM++ and DDIM take it divided by √(1 + sigma²).
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import torch
from diffusers import (
    DDIMScheduler,
    DPMSolverMultistepScheduler,
    EulerAncestralDiscreteScheduler,
    EulerDiscreteScheduler,
)
from torch import Generator, Tensor

from .noise import noise_like
from .noise_levels import BETA_END, BETA_START, TIMESTEPS, NoiseLevels

BETAS = {"num_train_timesteps": TIMESTEPS, "beta_schedule": "scaled_linear", "beta_start": BETA_START, "beta_end": BETA_END}


class EulerStepper:
    """sigmas: [n + 1], descending; generators: one for each image, for samplers that add noise."""

    uses_eta = False

    def __init__(self, sigmas: Tensor, generators: Sequence[Generator], eta: float = 1.0):
        self.sigmas, self.count, self.generators, self.eta = sigmas.float().cpu(), len(sigmas) - 1, generators, eta
        scheduler = self.scheduler = self.make_scheduler()
        scheduler.sigmas, scheduler.num_inference_steps = self.sigmas, self.count
        scheduler.timesteps = torch.arange(self.count, 0, -1, dtype=torch.float32)
        scheduler.is_scale_input_called = True
        scheduler.set_begin_index()

    def make_scheduler(self) -> Any:
        return EulerDiscreteScheduler(**BETAS, prediction_type="sample")

    def start(self, x: Tensor) -> Tensor:
        return x

    def step(self, index: int, x: Tensor, denoised: Tensor) -> Tensor:
        """Return x at sigma `index + 1`."""
        return self.scheduler.step(denoised, self.scheduler.timesteps[index], x).prev_sample

    def finish(self, x: Tensor) -> Tensor:
        return x


class EulerAncestralStepper(EulerStepper):
    """eta 1 is the scheduler's own step; another eta scales the noise it adds (k-diffusion's formula)."""

    uses_eta = True

    def make_scheduler(self) -> Any:
        return EulerAncestralDiscreteScheduler(**BETAS, prediction_type="epsilon")

    def step(self, index: int, x: Tensor, denoised: Tensor) -> Tensor:
        sigma, following = self.sigmas[index].item(), self.sigmas[index + 1].item()
        eps = (x - denoised) / sigma
        if self.eta == 1.0:
            return self.scheduler.step(eps, self.scheduler.timesteps[index], x, generator=self.generators).prev_sample
        up = min(following, self.eta * (following ** 2 * (sigma ** 2 - following ** 2) / sigma ** 2) ** 0.5)
        down = (following ** 2 - up ** 2) ** 0.5
        x = x + eps * (down - sigma)
        return x if up == 0 else x + noise_like(x, self.generators) * up


class DpmStepper(EulerStepper):
    """DPM-Solver++(2M) (Lu et al., 2022)."""

    algorithm = "dpmsolver++"

    def make_scheduler(self) -> Any:
        return DPMSolverMultistepScheduler(**BETAS, prediction_type="sample", algorithm_type=self.algorithm,
                                           solver_order=2, solver_type="midpoint", final_sigmas_type="zero")

    def noise(self, x: Tensor) -> Tensor | None:
        return None

    def step(self, index: int, x: Tensor, denoised: Tensor) -> Tensor:
        here, there = (1 + self.sigmas[index:index + 2] ** 2).sqrt().to(x)
        noise = self.noise(x)
        given = {} if noise is None else {"variance_noise": noise}
        return self.scheduler.step(denoised, self.scheduler.timesteps[index], x / here, **given).prev_sample * there


class DpmSdeStepper(DpmStepper):
    """The SDE variant: every step adds noise."""

    algorithm = "sde-dpmsolver++"

    def noise(self, x: Tensor) -> Tensor:
        return noise_like(x, self.generators)


class DdimStepper:
    """DDIM (Song et al., 2020) on the model's own timesteps.

    timesteps: ascending; sampling goes from the last down to the first, where it ends. steps: of the whole schedule.
    """

    uses_eta = True

    def __init__(self, timesteps: Tensor, steps: int, levels: NoiseLevels, generators: Sequence[Generator], eta: float = 0.0):
        self.descending, self.count = timesteps.flip(0), max(len(timesteps) - 1, 0)
        self.sigmas = levels.sigmas.cpu()[self.descending]
        self.generators, self.eta = generators, eta
        self.scheduler = DDIMScheduler(**BETAS, prediction_type="sample", clip_sample=False, set_alpha_to_one=False)
        self.scheduler.num_inference_steps = steps

    def _scale(self, index: int, x: Tensor) -> Tensor:
        return (1 + self.sigmas[index] ** 2).sqrt().to(x)

    def start(self, x: Tensor) -> Tensor:
        return x * self._scale(0, x) if len(self.sigmas) else x

    def step(self, index: int, x: Tensor, denoised: Tensor) -> Tensor:
        noise = noise_like(x, self.generators) if self.eta > 0 else None
        moved = self.scheduler.step(denoised, int(self.descending[index]), x / self._scale(index, x), eta=self.eta,
                                    variance_noise=noise).prev_sample
        return moved * self._scale(index + 1, x)

    def finish(self, x: Tensor) -> Tensor:
        return x / self._scale(-1, x) if len(self.sigmas) else x


def ddim_timesteps(steps: int) -> Tensor:
    """Return int64 timesteps, ascending: 1, 1 + 1000 // steps, …, at most 999; all for more than 1000 steps, none for 0."""
    if steps == 0:
        return torch.zeros(0, dtype=torch.int64)
    return (1 + torch.arange(0, TIMESTEPS, max(TIMESTEPS // steps, 1))).clip(0, TIMESTEPS - 1)


def img2img_steps(steps: int, strength: float, run_all: bool) -> tuple[int, int]:
    """Return (steps of the whole schedule, index of the last one to run).

    strength: 0..1, the part of the schedule that runs. run_all: schedule so many that `steps` of them run.
    """
    part = min(strength, 0.999)
    if not run_all:
        return steps, int(part * steps)
    return (int(steps / part) if strength > 0 else 0), steps - 1


def inpaint_noise(latent: Tensor, generators: Sequence[Generator], sigma: Tensor) -> Tensor:
    """Return the init latent at noise level sigma [B], which replaces the kept part of x before each step."""
    return latent + noise_like(latent, generators) * sigma[:, None, None, None]
