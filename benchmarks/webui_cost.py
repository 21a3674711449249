"""`dev.py bench --webui URL`: cost of jobs on a running WebUI, from the seconds that its answers take.

A job of one step and a job of many are timed in turns: the difference over the further steps is the cost per step, what is left
of the one-step job is the fixed cost. Nothing is installed there; other users of that WebUI spoil the figures. Where other
programs keep the machine busy, `--pid` counts the processor time of the WebUI's process in place of the clock.
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

PATIENCE = 1800
MANY = 9


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


def payloads(size: int) -> dict[str, dict]:
    """Return the kinds of job: plain, fc, and fc with the first image prompt model that fits."""
    photo = encoded(demo.PHOTO)
    plain = {"init_images": [photo], "width": size, "height": size, "prompt": demo.PROMPT, "cfg_scale": 2.0, "seed": 7,
             "sampler_name": "Euler", "denoising_strength": 1.0}
    light = {"light": "left", "mask": encoded(demo.MATTE), "matting": "mask"}
    requests = {"fc": {"iclight": light}, "fc, one image prompt": {"iclight": light, "ip_adapter": [{"image": photo}]}}
    return {"plain": plain, **{name: {**plain, "alwayson_scripts": {"Relight": {"args": [request]}}}
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
            if name == "plain":
                raise
            notes.append(f"{name} is left out: {error}")
    return found, notes


def rounds_of(url: str, kinds: dict[str, dict], count: int, clock: Callable[[], float] = time.perf_counter
              ) -> dict[str, list[dict[str, float]]]:
    """Return seconds of the kinds in each round: first job after another kind, second identical job, per step, fixed."""
    found: dict[str, list[dict[str, float]]] = {name: [] for name in kinds}
    names = list(kinds)
    for number in range(count):
        shift = number % len(names)
        for name in names[shift:] + names[:shift]:
            first, second = (post(url, {**kinds[name], "steps": 1}, clock) for _ in range(2))
            step = (post(url, {**kinds[name], "steps": MANY}, clock) - second) / (MANY - 1)
            found[name].append({"first job": first, "second job": second, "per step": step, "fixed": second - step})
    return found


def table(found: dict[str, list[dict[str, float]]]) -> str:
    """Return a Markdown table of medians in seconds."""
    fields = list(next(iter(found.values()))[0])
    lines = [f"| job | {' | '.join(f'{field}, s' for field in fields)} |", f"|{' --- |' * (1 + len(fields))}"]
    for name, rows in found.items():
        cells = [f"{statistics.median(row[field] for row in rows):.3f}" for field in fields]
        lines.append(f"| {name} | {' | '.join(cells)} |")
    return "\n".join(lines)


def run(args: Any) -> int:
    url = args.webui.rstrip("/") + "/sdapi/v1/img2img"
    clock, unit = (processor_clock(args.pid), "processor seconds") if args.pid else (time.perf_counter, "seconds by the clock")
    kinds, notes = usable(url, payloads(args.size or 512))
    found = rounds_of(url, kinds, args.rounds, clock)
    text = "\n\n".join([f"{args.webui}, {args.rounds} rounds, {unit}", *notes, table(found)]) + "\n"
    print(text)
    if args.out:
        args.out.write_text(text, "utf-8")
    if args.json:
        report = {"webui": args.webui, "unit": unit, "notes": notes, "seconds": found}
        args.json.write_text(json.dumps(report, indent=1) + "\n", "utf-8")
    return 0
