"""The schedules by name. Needed by: embedded_host/page and the API's list, whose fields are those of A1111's Scheduler."""

from __future__ import annotations

from typing import NamedTuple

from sd_relight.embedded_host.engine.schedules import RHO, SCHEDULES, Schedule, karras, sgm_uniform, uniform


class Scheduler(NamedTuple):
    name: str
    label: str
    aliases: list[str]
    default_rho: float
    need_inner_model: bool


def _described(schedule: Schedule) -> Scheduler:
    return Scheduler(schedule.name, schedule.label, [*schedule.aliases], RHO if schedule.sigmas is karras else -1,
                     schedule.sigmas in (uniform, sgm_uniform))


schedulers = [_described(schedule) for schedule in SCHEDULES]
