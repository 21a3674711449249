"""The samplers by name. Needed by: embedded_host/page, embedded_host/payload.py, embedded_host/api, modules/processing*."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any, NamedTuple

from modules.sd_samplers_common import Sampler
from modules.sd_samplers_kdiffusion import KDiffusionSampler
from modules.sd_samplers_timesteps import CompVisSampler

from sd_relight.embedded_host.engine import steppers
from sd_relight.embedded_host.engine.schedules import AUTOMATIC, SCHEDULES, find_schedule


class SamplerData(NamedTuple):
    """options["scheduler"] names the schedule that the sampler runs on when the user chooses none."""

    name: str
    constructor: Callable[..., Sampler]
    aliases: tuple[str, ...]
    options: dict[str, Any]


def _described(name: str, stepper: type, *aliases: str, kind: type[Sampler] = KDiffusionSampler, **options: Any) -> SamplerData:
    return SamplerData(name, partial(kind, stepper, own_schedule=options.get("scheduler")), aliases, options)


all_samplers = [
    _described("DPM++ 2M", steppers.DpmStepper, "k_dpmpp_2m", scheduler="karras"),
    _described("DPM++ 2M SDE", steppers.DpmSdeStepper, "k_dpmpp_2m_sde", scheduler="exponential", brownian_noise=True),
    _described("Euler a", steppers.EulerAncestralStepper, "k_euler_a", "k_euler_ancestral", uses_ensd=True),
    _described("Euler", steppers.EulerStepper, "k_euler"),
    _described("DDIM", steppers.DdimStepper, "ddim", kind=CompVisSampler),
]
by_name = {data.name: data for data in all_samplers}
samplers_map = {spelling.lower(): data.name for data in all_samplers for spelling in (data.name, *data.aliases)}


def create_sampler(name: str | None, model: Any) -> Sampler:
    """Return a new sampler for one pass; an unknown name gets the first one."""
    return by_name.get(name, all_samplers[0]).constructor(model)


def visible_sampler_names() -> list[str]:
    return [*by_name]


def get_sampler_and_scheduler(sampler_name: str | None, scheduler_name: str | None, keep_own: bool = False) -> tuple[str, str]:
    """Return (sampler name, schedule label) for names as users write them, also for "DPM++ 2M Karras".

    A sampler's own schedule is called Automatic, unless keep_own.
    """
    schedule = find_schedule(scheduler_name) or AUTOMATIC
    name = sampler_name or all_samplers[0].name
    for candidate in SCHEDULES:
        ending = next((f" {text}" for text in candidate.spellings() if name.endswith(f" {text}")), None)
        if ending:
            schedule, name = candidate, name.removesuffix(ending)
    sampler = by_name.get(samplers_map.get(name.lower(), name), all_samplers[0])
    if schedule.name == sampler.options.get("scheduler") and not keep_own:
        schedule = AUTOMATIC
    return sampler.name, schedule.label
