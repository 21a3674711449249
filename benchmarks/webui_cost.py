"""`dev.py bench --webui URL`: cost of jobs on a running WebUI, from the seconds that its answers take.

A job of one step and one of many (--steps) are timed in turns: the difference over the further steps is the cost per step, what
is left of the one-step job is the fixed cost. Nothing is installed there; other users of that WebUI spoil the figures. Where
other programs keep the machine busy, `--pid` counts the processor time of the WebUI's process in place of the clock.
"""

from __future__ import annotations

import base64
import json
import statistics
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Callable
from pathlib import Path
from typing import Any

from ..embedded_host.cli import demo
from ..lib_relight.base.errors import RelightError
from . import machine, plot
from .options import seed_of
from .output import write
from .spread import ratio_to, turns, with_spread

PATIENCE = 1800
MANY = 9
PLAIN = "plain"


def encoded(path: Path) -> str:
    return base64.b64encode(path.read_bytes()).decode()


def processor_clock(pid: int) -> Callable[[], float]:
    """Return a clock of the processor seconds, of all threads, that a process has used. Raises RelightError without one."""
    if not sys.platform.startswith("linux"):
        raise RelightError("--pid reads a clock that only Linux has; leave it out to measure by the time of day.")
    number = (~pid << 3) | 2  # Linux' own number for this clock

    def now() -> float:
        try:
            return time.clock_gettime(number)
        except (OSError, OverflowError) as error:
            raise RelightError(f"--pid: no process {pid} runs here; give the number of the WebUI's Python process.") from error
    now()
    return now


def post(url: str, payload: dict, clock: Callable[[], float] = time.perf_counter) -> float:
    """Return the clock's seconds until the answer is there. Raises RelightError with the WebUI's own sentence."""
    request = urllib.request.Request(url, json.dumps(payload).encode(), {"Content-Type": "application/json"})
    began = clock()
    try:
        with urllib.request.urlopen(request, timeout=PATIENCE) as answer:
            answer.read()
    except urllib.error.HTTPError as error:
        raise RelightError(f"{url} answered {error.code}: {error.read(500).decode(errors='replace')}") from error
    except (OSError, ValueError) as error:
        raise RelightError(f"--webui: {url} does not answer ({error}); start it with --api and give its address.") from error
    return clock() - began


def payloads(size: int, seed: int) -> dict[str, dict]:
    """Return the kinds of job: plain, fc, and fc with the first image prompt model that fits."""
    photo = encoded(demo.PHOTO)
    plain = {"init_images": [photo], "width": size, "height": size, "prompt": demo.PROMPT, "cfg_scale": 2.0, "seed": seed,
             "sampler_name": "Euler", "denoising_strength": 1.0}
    light = {"light": "left", "mask": encoded(demo.MATTE), "matting": "mask"}
    requests = {"fc": {"iclight": light}, "fc, one image prompt": {"iclight": light, "ip_adapter": [{"image": photo}]}}
    return {PLAIN: plain, **{name: {**plain, "alwayson_scripts": {"Relight": {"args": [request]}}}
                               for name, request in requests.items()}}


def usable(url: str, kinds: dict[str, dict]) -> tuple[dict[str, dict], list[str]]:
    """Return the kinds of job that the WebUI runs, each tried with one step, and a sentence for each other, which may lack a
    model file. Raises RelightError where even a plain job fails."""
    found, notes = {}, []
    for name, payload in kinds.items():
        try:
            post(url, {**payload, "steps": 1})
            found[name] = payload
        except RelightError as error:
            if name == PLAIN:
                raise
            notes.append(f"{name} is left out: {error}")
    return found, notes


def rounds_of(url: str, kinds: dict[str, dict], count: int, clock: Callable[[], float] = time.perf_counter, many: int = MANY
              ) -> dict[str, list[dict[str, float]]]:
    """Return seconds of the kinds in each round: first job after another kind, second identical job, per step, fixed.

    many: steps of the longer job, 2 or more.
    """
    found: dict[str, list[dict[str, float]]] = {name: [] for name in kinds}
    for name in turns(kinds, count):
        first, second = (post(url, {**kinds[name], "steps": 1}, clock) for _ in range(2))
        step = (post(url, {**kinds[name], "steps": many}, clock) - second) / (many - 1)
        found[name].append({"first job": first, "second job": second, "per step": step, "fixed": second - step})
    return found


def table(found: dict[str, list[dict[str, float]]]) -> str:
    """Return a Markdown table of medians in seconds with quartiles, and of ratios to the plain job of the same round."""
    columns = {name: {field: [row[field] for row in rows] for field in rows[0]} for name, rows in found.items()}
    plain, fields = columns[PLAIN], list(columns[PLAIN])
    heads = [head for field in fields for head in (f"{field}, s", "to plain")]
    lines = [f"| job | {' | '.join(heads)} |", f"|{' --- |' * (1 + len(heads))}"]
    for name, values in columns.items():
        cells = [cell for field in fields for cell in (with_spread(values[field]), ratio_to(values[field], plain[field]))]
        lines.append(f"| {name} | {' | '.join(cells)} |")
    return "\n".join(lines)


def run(args: Any) -> int:
    """Measure the WebUI. args: checked by options.check_bench."""
    url = args.webui.rstrip("/") + "/sdapi/v1/img2img"
    clock, unit = (processor_clock(args.pid), "processor seconds") if args.pid else (time.perf_counter, "seconds by the clock")
    size, many, seed = args.size or 512, args.steps or MANY, seed_of(args.seed)
    kinds, notes = usable(url, payloads(size, seed))
    facts = machine.describe("the WebUI's own")
    found = rounds_of(url, kinds, args.rounds, clock, many)
    facts["load average at the end"] = machine.load()
    named = ", ".join(f"{key} {value}" for key, value in facts.items())
    about = (f"{args.webui}, {args.rounds} rounds, jobs of 1 and {many} steps, {size} px, seed {seed}, {unit}\n"
             f"measured from this machine, with its own versions and not the WebUI's: {named}")
    text = "\n\n".join([about, *notes, table(found)]) + "\n"
    write(args, text, {"webui": args.webui, "unit": unit, "machine": facts, "size": size, "steps": many, "seed": seed,
                       "notes": notes, "seconds": found})
    if args.plot:
        plot.bars({f"{field}, {unit}": {name: statistics.median(row[field] for row in rows) for name, rows in found.items()}
                   for field in ("fixed", "per step")}, args.plot)
    return 0
