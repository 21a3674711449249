"""`dev.py bench`: what relighting costs beside a plain job, as ratios measured in the same run.

The baseline is the host's own img2img with the same size, steps, seed and sampler, and Relight off. Every row is the median
of ROUNDS jobs in a row; the first job of each kind stands in a row of its own.
"""

from __future__ import annotations

import statistics
import time
from dataclasses import replace

from PIL import Image

from ..embedded_host.cli import demo
from ..embedded_host.cli.shot import Shot, fit_size, payload_of, uses_img2img
from ..embedded_host.cli.studio import Studio, defaults, describe_models, native_side
from ..lib_relight.base.caches import counters
from ..lib_relight.models import ip_adapter_files
from . import image_prompt_cost

ROUNDS = 3
IMAGE_PROMPT_ROUNDS = 2
COLUMNS = ("seconds", "of plain", "weights merged", "weight reads", "VAE encodes")
COUNTED = ("weight_reads", "encodes")


def cases(models) -> dict[str, Shot | None]:
    """Name to Shot; None is the baseline."""
    photo, matte = Image.open(demo.PHOTO).convert("RGB"), Image.open(demo.MATTE)
    common = defaults(models, demo.TINY_PROMPT)
    shot = Shot(photo, fit_size(photo.size, native_side(models)), mask=matte, **common)
    background = Image.open(demo.BACKGROUND).convert("RGB")
    return {"plain img2img": None, "fc, left": replace(shot, light="left"),
            "fbc on a background": replace(shot, background=background)}


def plain_payload(shot: Shot) -> dict:
    payload = payload_of(shot)
    del payload["alwayson_scripts"]
    return payload | {"denoising_strength": 1.0}


def measure(host, run, payload) -> dict:
    """One job: seconds, and what it really did."""
    before, merged, began = counters.copy(), host.merged_tensors, time.perf_counter()
    run(payload)
    return {"seconds": time.perf_counter() - began, "merged": host.merged_tensors - merged,
            **{name: counters[name] - before[name] for name in COUNTED}}


def job_of(host, shots, name):
    """(method, payload) of a case."""
    shot = shots[name]
    if shot is None:
        return host.img2img, plain_payload(shots["fc, left"])
    return (host.img2img if uses_img2img(shot) else host.txt2img), payload_of(shot)


def collect(host, shots) -> list[tuple[str, dict]]:
    """Rows: each case's first job, then the median of ROUNDS further ones in a row."""
    rows = []
    for name in shots:
        run, payload = job_of(host, shots, name)
        rows.append((f"{name}, first", measure(host, run, payload)))
        again = [measure(host, run, payload) for _ in range(ROUNDS)]
        rows.append((f"{name}, again", {key: statistics.median(row[key] for row in again) for key in again[0]}))
    return rows


def table(rows) -> str:
    """Text table; ratios are against the plain job when it runs again."""
    baseline = dict(rows)["plain img2img, again"]["seconds"]
    lines = [f"{'':30}" + "".join(f"{column:>16}" for column in COLUMNS)]
    for name, row in rows:
        counts = [f"{row[key]:g}" for key in ("merged", *COUNTED)]
        cells = [f"{row['seconds']:.2f}", f"{row['seconds'] / baseline:.2f}", *counts]
        lines.append(f"{name:30}" + "".join(f"{cell:>16}" for cell in cells))
    return "\n".join(lines)


def image_prompts(studio) -> str:
    """Counts of jobs with one of the models' own adapters, if there is one, and the cost of a unit at full size."""
    from ..lib_relight.models.folders import model_folders

    found = ip_adapter_files.choices(model_folders("ipadapter"))
    counted = [image_prompt_cost.count_jobs(studio.host, found[0], Image.open(demo.PHOTO))] if found else []
    return "\n\n".join([*counted, image_prompt_cost.cost("sd15", 64, 2, IMAGE_PROMPT_ROUNDS, studio.device)])


def run(args) -> int:
    studio = Studio(args.models, args.device)
    shots = cases(studio.models)
    if args.steps:
        shots = {name: shot and replace(shot, steps=args.steps) for name, shot in shots.items()}
    head = f"models: {describe_models(studio.models)}\ndevice: {studio.device}"
    text = "\n\n".join([head, table(collect(studio.host, shots)), image_prompts(studio)]) + "\n"
    print(text)
    if args.out:
        args.out.write_text(text, "utf-8")
    return 0
