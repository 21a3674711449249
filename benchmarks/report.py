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
from ..embedded_host.cli.job_spec import RelightJobSpec, fit_size, payload_of, uses_img2img
from ..embedded_host.cli.session import Session, defaults, describe_models, native_side
from ..lib_relight.base.caches import counters
from ..lib_relight.models import ip_adapter_files
from . import image_prompt_cost

ROUNDS = 3
IMAGE_PROMPT_ROUNDS = 2
COLUMNS = ("seconds", "of plain", "weights merged", "weight reads", "VAE encodes")
COUNTED = ("weight_reads", "encodes")


def cases(models) -> dict[str, RelightJobSpec | None]:
    """Name to RelightJobSpec; None is the baseline."""
    photo, matte = Image.open(demo.PHOTO).convert("RGB"), Image.open(demo.MATTE)
    common = defaults(models, demo.TINY_PROMPT)
    spec = RelightJobSpec(photo, fit_size(photo.size, native_side(models)), mask=matte, **common)
    background = Image.open(demo.BACKGROUND).convert("RGB")
    return {"plain img2img": None, "fc, left": replace(spec, light="left"),
            "fbc on a background": replace(spec, background=background)}


def plain_payload(spec: RelightJobSpec) -> dict:
    payload = payload_of(spec)
    del payload["alwayson_scripts"]
    return payload | {"denoising_strength": 1.0}


def measure(host, run, payload) -> dict:
    """One job: seconds, and what it really did."""
    before, merged, began = counters.copy(), host.merged_tensors, time.perf_counter()
    run(payload)
    return {"seconds": time.perf_counter() - began, "merged": host.merged_tensors - merged,
            **{name: counters[name] - before[name] for name in COUNTED}}


def job_of(host, specs, name):
    """(method, payload) of a case."""
    spec = specs[name]
    if spec is None:
        return host.img2img, plain_payload(specs["fc, left"])
    return (host.img2img if uses_img2img(spec) else host.txt2img), payload_of(spec)


def collect(host, specs) -> list[tuple[str, dict]]:
    """Rows: each case's first job, then the median of ROUNDS further ones in a row."""
    rows = []
    for name in specs:
        run, payload = job_of(host, specs, name)
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


def image_prompts(session) -> str:
    """Counts of jobs with one of the models' own adapters, if there is one, and the cost of a unit at full size."""
    from ..lib_relight.models.folders import model_folders

    found = ip_adapter_files.choices(model_folders("ipadapter"))
    counted = [image_prompt_cost.count_jobs(session.host, found[0], Image.open(demo.PHOTO))] if found else []
    return "\n\n".join([*counted, image_prompt_cost.cost("sd15", 64, 2, IMAGE_PROMPT_ROUNDS, session.device)])


def run(args) -> int:
    session = Session(args.models, args.device)
    specs = cases(session.models)
    if args.steps:
        specs = {name: spec and replace(spec, steps=args.steps) for name, spec in specs.items()}
    head = f"models: {describe_models(session.models)}\ndevice: {session.device}"
    text = "\n\n".join([head, table(collect(session.host, specs)), image_prompts(session)]) + "\n"
    print(text)
    if args.out:
        args.out.write_text(text, "utf-8")
    return 0
