"""`dev.py bench`: what relighting costs beside a plain job, as ratios measured in the same run.

In every round each kind of job runs twice in a row, first cold, from empty caches and unmerged weights, then warm; the kinds take
turns, and each round begins with another one. Ratios are medians over the rounds, with quartiles.
"""

from __future__ import annotations

import json
import statistics
from collections.abc import Callable
from dataclasses import asdict
from functools import partial
from pathlib import Path
from typing import Any

import torch
from PIL import Image

from ..embedded_host.cli import demo
from ..embedded_host.cli.job_spec import fit_size
from ..embedded_host.cli.session import Session, describe_models, is_tiny, native_side
from ..lib_iclight.light_sets import NAMED_SETS
from ..lib_relight.base.errors import RelightError
from ..lib_relight.models import ip_adapter_files
from ..lib_relight.models.folders import model_folders
from . import image_prompt_cost, machine, webui_cost
from .comparison import Case, forget
from .job_cost import Cost, measure
from .original import Original
from .other_ways import OtherWays
from .verify import iclight_paths

PLAIN, LIGHT = "plain", "fc"
ORIGINAL, HABIT = "original's arithmetic, fc", "other extensions' habit, fc"
SET, SEPARATE = "set of eight lights", "eight jobs, one for each light"
COUNTS = ("files_read", "encodes", "merged")
COLUMNS = ("warm job, s", "to plain", "before the first step, s: cold", "warm", "a step, s", "to plain", "reads/encodes/merges:"
           " cold", "warm", "MB read: cold", "warm", "peak MB", "MB")
Job = Callable[[], Any]


def base_case(models: Path, steps: int | None, size: int | None) -> Case:
    """Return the photograph that ships with the project, lit from the left."""
    photo = Image.open(demo.PHOTO).convert("RGB")
    side = size or (native_side(models) // 2 if is_tiny(models) else native_side(models))
    return Case("astronaut", photo, Image.open(demo.MATTE).convert("L"), fit_size(photo.size, side),
                demo.TINY_PROMPT if is_tiny(models) else demo.PROMPT, side="left", steps=steps or 4)


def with_request(payload: dict, request: dict | None, is_txt2img: bool = False, **fields: Any) -> dict:
    """Return the payload with another Relight request; None leaves Relight out."""
    scripts = {} if request is None else {"alwayson_scripts": {"Relight": {"args": [request]}}}
    left_out = {"alwayson_scripts", *(("init_images", "denoising_strength") if is_txt2img else ())}
    return {key: value for key, value in payload.items() if key not in left_out} | scripts | fields


def jobs(host: Any, case: Case, has_background: bool, adapter: str | None) -> dict[str, Job]:
    """Return each kind of job by name."""
    lit = case.payload()
    light = lit["alwayson_scripts"]["Relight"]["args"][0]["iclight"]
    unit = {"model": adapter, "image": case.photo}
    found = {PLAIN: (host.img2img, with_request(lit, None)), LIGHT: (host.img2img, lit)}
    if has_background:
        background = Image.open(demo.BACKGROUND).convert("RGB")
        on_wall = {**light, "light": "none", "foreground": case.photo, "background": background}
        found["fbc"] = host.txt2img, with_request(lit, {"iclight": on_wall}, is_txt2img=True)
    if adapter:
        units = [{**unit, "weight": 0.25 + 0.05 * number} for number in range(4)]
        found["one image prompt"] = host.img2img, with_request(lit, {"ip_adapter": units[:1]})
        found["four image prompts"] = host.img2img, with_request(lit, {"ip_adapter": units})
        found["fc, one image prompt"] = host.img2img, with_request(lit, {"iclight": light, "ip_adapter": units[:1]})
    directions = {"iclight": {**light, "set": "directions"}}
    found[SET] = host.img2img, with_request(lit, directions)
    found[f"{SET}, batch size 4"] = host.img2img, with_request(lit, directions, batch_size=4)
    found["fc, batch size 4"] = host.img2img, with_request(lit, {"iclight": light}, batch_size=4)
    hires = {"iclight": {**light, "foreground": case.photo}}
    found["fc, hires 1.5"] = host.txt2img, with_request(lit, hires, is_txt2img=True, enable_hr=True, hr_scale=1.5,
                                                        denoising_strength=0.5)
    made = {name: lambda run=run, payload=payload: run(payload) for name, (run, payload) in found.items()}
    each = [with_request(lit, {"iclight": {**light, "light": name}}) for name in NAMED_SETS["directions"]]
    return {**made, SEPARATE: partial(run_each, host, each)}


def run_each(host: Any, payloads: list[dict], are_cold: bool = False) -> None:
    for payload in payloads:
        if are_cold:
            forget(host)
        host.img2img(payload)


class Rounds:
    """costs: name -> (cold, warm) of each round."""

    def __init__(self, session: Any, case: Case):
        files, _ = iclight_paths()
        adapters = ip_adapter_files.choices(model_folders("ipadapter"))
        self.host, self.device, self.case = session.host, session.device, case
        others = OtherWays(Original(session.host.model), case, files["fc"], session.device)
        self.others = {ORIGINAL: others.as_original, HABIT: others.as_habit}
        self.jobs = jobs(session.host, case, "fbc" in files, adapters[0] if adapters else None)
        self.costs: dict[str, list[tuple[Cost, Cost]]] = {name: [] for name in [*self.jobs, *self.others]}

    def run(self, count: int) -> None:
        """Run the rounds after one that is not counted."""
        names = list(self.costs)
        for name in (PLAIN, LIGHT):
            self.jobs[name]()
        for number in range(count):
            shift = number % len(names)
            for name in names[shift:] + names[:shift]:
                self.costs[name].append(self.pair(name))

    def pair(self, name: str) -> tuple[Cost, Cost]:
        if name in self.others:
            cost = self.others[name]()
            return cost, cost
        job = self.jobs[name]
        if name == SEPARATE:
            cold = measure(self.host, partial(job, are_cold=True), self.device)
            job()  # the last of the cold jobs has left only its own light in the caches
        else:
            forget(self.host)
            cold = measure(self.host, job, self.device)
        return cold, measure(self.host, job, self.device)

    def ratio(self, name: str, field: str, other: str = PLAIN, is_cold: bool = False) -> str:
        """Return the median and quartiles of the ratios of warm, or cold, jobs, round by round."""
        own, base = ([getattr(pair[not is_cold], field) for pair in self.costs[key]] for key in (name, other))
        return image_prompt_cost.ratio_to(own, base)

    def row(self, name: str) -> list[str]:
        def middle(which: int, field: str) -> float | None:
            values = [getattr(pair[which], field) for pair in self.costs[name]]
            return None if None in values else statistics.median(values)

        counts = ["/".join(f"{middle(which, field):g}" for field in COUNTS) for which in (0, 1)]
        sizes = [*(middle(which, "bytes_read") / 2**20 for which in (0, 1)),
                 *(middle(1, field) for field in ("peak_megabytes", "megabytes"))]
        return [f"{middle(1, 'total'):.3f}", self.ratio(name, "total"), f"{middle(0, 'before_first_step'):.3f}",
                f"{middle(1, 'before_first_step'):.3f}", f"{middle(1, 'per_step'):.4f}", self.ratio(name, "per_step"), *counts,
                *("" if size is None else f"{size:.0f}" for size in sizes)]


def table(rounds: Rounds) -> str:
    """Return a Markdown table, and the sets beside eight separate jobs, each of them cold or all warm as the set is."""
    lines = [f"| job | {' | '.join(COLUMNS)} |", f"|{' --- |' * (1 + len(COLUMNS))}"]
    lines += [f"| {name} | {' | '.join(rounds.row(name))} |" for name in rounds.costs]
    sets = [f"{name}, to {SEPARATE}: warm {rounds.ratio(name, 'total', SEPARATE)}, "
            f"cold {rounds.ratio(name, 'total', SEPARATE, is_cold=True)}" for name in rounds.costs if name.startswith(SET)]
    return "\n".join([*lines, "", *sets])


def plot(rounds: Rounds, path: Path) -> None:
    """Draw the warm jobs' seconds per step and before the first step. Raises RelightError without matplotlib."""
    try:
        from matplotlib.figure import Figure
    except ImportError as error:
        raise RelightError("--plot needs matplotlib; install it in the environment, or leave the option out.") from error
    names, figure = list(rounds.costs), Figure(figsize=(10, 0.4 * len(rounds.costs) + 1.5), layout="constrained")
    for axes, field in zip(figure.subplots(1, 2, sharey=True), ("before_first_step", "per_step")):
        axes.barh(names, [statistics.median(getattr(warm, field) for _, warm in rounds.costs[name]) for name in names])
        axes.set_xlabel(f"{field.replace('_', ' ')}, seconds")
    figure.savefig(path)


def run(args: Any) -> int:
    if args.webui:
        return webui_cost.run(args)
    session = Session(args.models, args.device)
    if session.device == "cpu":
        torch.set_num_threads(1)  # a second thread that waits counts as processor time
    rounds = Rounds(session, base_case(session.models, args.steps, args.size))
    facts = machine.describe(session.device)
    rounds.run(args.rounds)
    about = f"models: {describe_models(session.models)}\n" + ", ".join(f"{key} {value}" for key, value in facts.items())
    about += f" to {machine.load()} at the end; {args.rounds} rounds, {rounds.case.steps} steps, {rounds.case.size}"
    full = [image_prompt_cost.table(image_prompt_cost.cost(base, 64, 2, args.rounds, session.device))
            for base in ("sd15", "sdxl") if args.full]
    text = "\n\n".join([about, table(rounds), *full]) + "\n"
    print(text)
    if args.out:
        args.out.write_text(text, "utf-8")
    if args.json:
        costs = {name: [{"cold": asdict(cold), "warm": asdict(warm)} for cold, warm in pairs]
                 for name, pairs in rounds.costs.items()}
        args.json.write_text(json.dumps({"machine": facts, "costs": costs, "full size": full}, indent=1) + "\n", "utf-8")
    if args.plot:
        plot(rounds, args.plot)
    return 0
