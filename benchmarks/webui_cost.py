"""`dev.py bench --webui URL`: cost of jobs on a running WebUI, from the seconds that its answers take.

A job of one step and a job of many are timed in turns: the difference over the further steps is the cost per step, what is left
of the one-step job is the fixed cost. Nothing is installed there; other users of that WebUI spoil the figures.
"""

from __future__ import annotations

import base64
import json
import statistics
import time
import urllib.error
import urllib.request
from pathlib import Path
from typing import Any

from ..embedded_host.cli import demo
from ..lib_relight.base.errors import RelightError

PATIENCE = 1800
MANY = 9


def encoded(path: Path) -> str:
    return base64.b64encode(path.read_bytes()).decode()


def post(url: str, payload: dict) -> float:
    """Return the seconds until the answer is there. Raises RelightError with the WebUI's own sentence."""
    request = urllib.request.Request(url, json.dumps(payload).encode(), {"Content-Type": "application/json"})
    began = time.perf_counter()
    try:
        with urllib.request.urlopen(request, timeout=PATIENCE) as answer:
            answer.read()
    except urllib.error.HTTPError as error:
        raise RelightError(f"{url} answered {error.code}: {error.read(500).decode(errors='replace')}") from error
    except (OSError, ValueError) as error:
        raise RelightError(f"--webui: {url} does not answer ({error}); start it with --api and give its address.") from error
    return time.perf_counter() - began


def payloads(size: int) -> dict[str, dict]:
    """Return the kinds of job: plain, fc, and fc with the first image prompt model that fits."""
    photo = encoded(demo.PHOTO)
    plain = {"init_images": [photo], "width": size, "height": size, "prompt": demo.PROMPT, "cfg_scale": 2.0, "seed": 7,
             "sampler_name": "Euler", "denoising_strength": 1.0}
    light = {"light": "left", "mask": encoded(demo.MATTE), "matting": "mask"}
    requests = {"fc": {"iclight": light}, "fc, one image prompt": {"iclight": light, "ip_adapter": [{"image": photo}]}}
    return {"plain": plain, **{name: {**plain, "alwayson_scripts": {"Relight": {"args": [request]}}}
                               for name, request in requests.items()}}


def rounds_of(url: str, kinds: dict[str, dict], count: int) -> dict[str, list[dict[str, float]]]:
    """Return seconds of the kinds in each round: first job after another kind, second identical job, per step, fixed."""
    found: dict[str, list[dict[str, float]]] = {name: [] for name in kinds}
    names = list(kinds)
    for number in range(count):
        shift = number % len(names)
        for name in names[shift:] + names[:shift]:
            first, second = (post(url, {**kinds[name], "steps": 1}) for _ in range(2))
            step = (post(url, {**kinds[name], "steps": MANY}) - second) / (MANY - 1)
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
    found = rounds_of(url, payloads(args.size or 512), args.rounds)
    text = f"{args.webui}, {args.rounds} rounds, seconds by the clock\n\n{table(found)}\n"
    print(text)
    if args.out:
        args.out.write_text(text, "utf-8")
    if args.json:
        args.json.write_text(json.dumps({"webui": args.webui, "seconds": found}, indent=1) + "\n", "utf-8")
    return 0
