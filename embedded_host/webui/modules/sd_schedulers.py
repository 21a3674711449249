"""Schedules: n steps to n + 1 descending sigmas, the last one 0."""

import math
from dataclasses import dataclass, field
from typing import Callable

import torch


@dataclass
class Scheduler:
    name: str
    label: str
    function: Callable
    default_rho: float = -1
    need_inner_model: bool = False
    aliases: list = field(default_factory=list)


def _ended(sigmas):
    return torch.cat([sigmas, sigmas.new_zeros(1)])


def uniform(n, sigma_min, sigma_max, inner_model, device="cpu"):
    """Evenly spaced model steps from the last to the first."""
    return _ended(inner_model.t_to_sigma(torch.linspace(999, 0, n))).to(device)


def sgm_uniform(n, sigma_min, sigma_max, inner_model, device="cpu"):
    """Evenly spaced model steps that stop one short of the first."""
    return _ended(inner_model.t_to_sigma(torch.linspace(999, 0, n + 1)[:-1])).to(device)


def karras(n, sigma_min, sigma_max, rho=7.0, device="cpu"):
    low, high = sigma_min ** (1 / rho), sigma_max ** (1 / rho)
    return _ended((high + torch.linspace(0, 1, n) * (low - high)) ** rho).to(device)


def exponential(n, sigma_min, sigma_max, device="cpu"):
    return _ended(torch.linspace(math.log(sigma_max), math.log(sigma_min), n).exp()).to(device)


schedulers = [
    Scheduler("automatic", "Automatic", None),
    Scheduler("uniform", "Uniform", uniform, need_inner_model=True),
    Scheduler("karras", "Karras", karras, default_rho=7.0),
    Scheduler("exponential", "Exponential", exponential),
    Scheduler("sgm_uniform", "SGM Uniform", sgm_uniform, need_inner_model=True, aliases=["SGMUniform"]),
]
schedulers_map = {key: scheduler for scheduler in schedulers for key in (scheduler.name, scheduler.label)}
