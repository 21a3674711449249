"""Noise schedules: n steps to n + 1 descending sigmas, the last one 0."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass

import torch
from torch import Tensor

from .noise_levels import TIMESTEPS, NoiseLevels

RHO = 7.0


@dataclass(frozen=True)
class Schedule:
    """label: what users read; aliases: further spellings; sigmas: (steps, levels) to the sigmas without the final 0."""

    name: str
    label: str
    sigmas: Callable[[int, NoiseLevels], Tensor] | None
    aliases: tuple[str, ...] = ()

    def spellings(self) -> tuple[str, ...]:
        return self.label, self.name, *self.aliases


def uniform(n: int, levels: NoiseLevels) -> Tensor:
    """Space timesteps evenly from the last to the first."""
    return levels.sigma(torch.linspace(TIMESTEPS - 1, 0, n))


def sgm_uniform(n: int, levels: NoiseLevels) -> Tensor:
    """Space timesteps evenly, one short of the first."""
    return levels.sigma(torch.linspace(TIMESTEPS - 1, 0, n + 1)[:-1])


def karras(n: int, levels: NoiseLevels) -> Tensor:
    """Space sigma^(1/7) evenly (Karras et al., 2022, equation 5)."""
    low, high = (level.item() ** (1 / RHO) for level in (levels.sigmas[0], levels.sigmas[-1]))
    return (high + torch.linspace(0, 1, n) * (low - high)) ** RHO


def exponential(n: int, levels: NoiseLevels) -> Tensor:
    """Space log sigma evenly."""
    low, high = (math.log(level.item()) for level in (levels.sigmas[0], levels.sigmas[-1]))
    return torch.linspace(high, low, n).exp()


AUTOMATIC = Schedule(name="automatic", label="Automatic", sigmas=None)
"""The sampler's own schedule, uniform where it has none."""
SCHEDULES = (AUTOMATIC, Schedule(name="uniform", label="Uniform", sigmas=uniform),
             Schedule(name="karras", label="Karras", sigmas=karras),
             Schedule(name="exponential", label="Exponential", sigmas=exponential),
             Schedule(name="sgm_uniform", label="SGM Uniform", sigmas=sgm_uniform, aliases=("SGMUniform",)))


def find_schedule(name: str | None) -> Schedule | None:
    """Return the schedule of a name or label, else None."""
    return next((schedule for schedule in SCHEDULES if name in (schedule.name, schedule.label)), None)


def with_final_zero(sigmas: Tensor) -> Tensor:
    return torch.cat([sigmas, sigmas.new_zeros(1)])
