"""Runs the kinds of job of `dev.py bench` in turns, and its table of medians and ratios."""

from __future__ import annotations

import statistics
from collections.abc import Callable
from dataclasses import asdict
from functools import partial
from pathlib import Path
from typing import Any

from ..lib_relight.base.errors import UserError
from ..lib_relight.matting import builtin, matting
from ..lib_relight.models import ip_adapter_files
from ..lib_relight.models.folders import model_folders
from .comparison import Case
from .job_cost import Cost, measure
from .job_rows import CUT_OUT, HIRES, LIGHT, PLAIN, PROMPT, SEPARATE, SET, forget_all, jobs
from .original import Original
from .other_ways import OtherWays, Pair
from .spread import ratio_to, turns
from .verify import iclight_paths

ORIGINAL = "original's arithmetic, fc"
HABIT, HABIT_HIRES, HABIT_CUT_OUT, HABIT_PROMPT = (f"other extensions' habit, {name}" for name in (LIGHT, HIRES, CUT_OUT, PROMPT))
COUNTS = ("files_read", "encodes", "merged")
COLUMNS = ("warm job, s", "to plain", "before the first step, s: cold", "warm", "a step, s", "to plain", "reads/encodes/merges:"
           " cold", "warm", "MB read: cold", "warm")
MEMORY = {"peak_ram": "peak RAM, MB", "ram": "RAM, MB", "peak_vram": "peak VRAM, MB", "vram": "VRAM, MB"}
NO_MATTING = "The rows with a cut-out are left out: no matting model is here; a job without a mask fetches one."


def adapter_path(name: str | None) -> Path | None:
    """Return an image prompt model whose keys diffusers' processors can take: a .safetensors file."""
    try:
        path = ip_adapter_files.resolve(name, model_folders("ipadapter")) if name else None
    except UserError:
        return None
    return path if path is not None and path.suffix == ".safetensors" else None


class Rounds:
    """costs: name -> (cold, warm) of each round; notes: a sentence about what is left out."""

    def __init__(self, session: Any, case: Case):
        files, self.notes = iclight_paths()
        adapters = ip_adapter_files.choices(model_folders("ipadapter"))
        adapter = adapters[0] if adapters else None
        has_matting = builtin.is_here(matting.builtin_folders())
        self.notes += [] if has_matting else [NO_MATTING]
        self.host, self.device, self.case = session.host, session.device, case
        self.jobs = jobs(session.host, case, "fbc" in files, adapter, has_matting)
        ways = OtherWays(Original(session.host.model), case, files["fc"], session.device, adapter_path(adapter))
        self.others = other_jobs(ways, has_matting)
        self.costs: dict[str, list[Pair]] = {name: [] for name in [*self.jobs, *self.others]}

    def run(self, count: int) -> None:
        """Run the rounds after one that is not counted."""
        for name in (PLAIN, LIGHT):
            self.jobs[name]()
        for name in turns(self.costs, count):
            self.costs[name].append(self.pair(name))

    def pair(self, name: str) -> Pair:
        if name in self.others:
            return self.others[name]()
        job = self.jobs[name]
        if name == SEPARATE:
            cold = measure(self.host, partial(job, are_cold=True), self.device)
            job()  # the last of the cold jobs has left only its own light in the caches
        else:
            forget_all(self.host)
            cold = measure(self.host, job, self.device)
        return cold, measure(self.host, job, self.device)

    def values(self, name: str, field: str, is_cold: bool = False) -> list[float]:
        return [getattr(pair[not is_cold], field) for pair in self.costs[name]]

    def ratio(self, name: str, field: str, other: str = PLAIN, is_cold: bool = False) -> str:
        """Return the median and quartiles of the ratios of warm, or cold, jobs, round by round."""
        return ratio_to(self.values(name, field, is_cold), self.values(other, field, is_cold))

    def middle(self, name: str, field: str, is_cold: bool = False) -> float:
        return statistics.median(self.values(name, field, is_cold))

    def memory(self, name: str, field: str) -> float | None:
        """Return the median of warm jobs in MB, None where it is not known."""
        values = [getattr(warm.memory, field) for _, warm in self.costs[name]]
        return None if None in values else statistics.median(values)

    def row(self, name: str, memory: list[str]) -> list[str]:
        """memory: fields of Memory that are shown."""
        middle = partial(self.middle, name)
        counts = ["/".join(f"{middle(field, is_cold):g}" for field in COUNTS) for is_cold in (True, False)]
        sizes = [*(middle("bytes_read", is_cold) / 2**20 for is_cold in (True, False)),
                 *(self.memory(name, field) for field in memory)]
        return [f"{middle('total'):.3f}", self.ratio(name, "total"), f"{middle('before_first_step', True):.3f}",
                f"{middle('before_first_step'):.3f}", f"{middle('per_step'):.4f}", self.ratio(name, "per_step"), *counts,
                *("" if size is None else f"{size:.0f}" for size in sizes)]

    def as_json(self) -> dict[str, list[dict]]:
        return {name: [{"cold": asdict(cold), "warm": asdict(warm)} for cold, warm in pairs]
                for name, pairs in self.costs.items()}


def other_jobs(ways: OtherWays, has_matting: bool) -> dict[str, Callable[[], tuple[Cost, Cost]]]:
    """Return the ways of others by name."""
    found = {ORIGINAL: ways.as_original, HABIT: ways.as_habit, HABIT_HIRES: ways.as_habit_with_hires}
    if has_matting:
        found[HABIT_CUT_OUT] = ways.as_habit_with_cut_out
    if ways.adapter:
        found[HABIT_PROMPT] = ways.as_habit_with_prompt
    return found


def table(rounds: Rounds) -> str:
    """Return a Markdown table, and the sets beside eight separate jobs, each of them cold or all warm as the set is."""
    memory = [field for field in MEMORY if any(rounds.memory(name, field) is not None for name in rounds.costs)]
    columns = [*COLUMNS, *(MEMORY[field] for field in memory)]
    lines = [f"| job | {' | '.join(columns)} |", f"|{' --- |' * (1 + len(columns))}"]
    lines += [f"| {name} | {' | '.join(rounds.row(name, memory))} |" for name in rounds.costs]
    sets = [f"{name}, to {SEPARATE}: warm {rounds.ratio(name, 'total', SEPARATE)}, "
            f"cold {rounds.ratio(name, 'total', SEPARATE, is_cold=True)}" for name in rounds.costs if name.startswith(SET)]
    return "\n".join([*lines, "", *sets])
