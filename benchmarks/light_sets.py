"""What a set of lights costs beside separate jobs for the same lights.

    python benchmarks/light_sets.py [--rounds 5] [--steps 4] [--size 128]

Eight warm jobs and one set of eight take turns in the same process, each round beginning with the other one; a ratio is the
median of the rounds' ratios of processor time. Cold jobs begin with empty caches and the UNet's own weights, as the first job
after a start does. The embedded host runs them with the tiny demo models, on one thread: a second one that waits counts as
processor time.
"""

from __future__ import annotations

import argparse
import os
import statistics
import sys
import time
from pathlib import Path

import torch
from PIL import Image

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT / "devtools"))

import environments  # noqa: E402

if "sd_relight" not in sys.modules:
    environments.make_root_package(ROOT)

from sd_relight.embedded_host.cli.session import Session  # noqa: E402
from sd_relight.lib_iclight.light_sets import NAMED_SETS  # noqa: E402
from sd_relight.lib_relight.base import caches  # noqa: E402

LIGHTS = NAMED_SETS["directions"]
COUNTED = ("weight_reads", "encodes")


def payload(args: argparse.Namespace, subject: Image.Image, batch_size: int = 1, **fields) -> dict:
    return {"init_images": [subject], "width": args.size, "height": args.size, "steps": args.steps, "seed": 7, "cfg_scale": 2.0,
            "sampler_name": "Euler", "denoising_strength": 1.0, "batch_size": batch_size, "prompt": "a clay ball",
            "alwayson_scripts": {"Relight": {"args": [{"iclight": fields}]}}}


def forget(host) -> None:
    """Empty Relight's caches and put the UNet's own weights back."""
    for group in caches.groups.values():
        for cache in group:
            cache.clear()
    host.model.forge_objects_original.unet.load()


def separate(host, args, subject, cold: bool = False) -> None:
    for light in LIGHTS:
        if cold:
            forget(host)
        host.img2img(payload(args, subject, light=light))


def seconds(call, *given) -> float:
    began = time.process_time()
    call(*given)
    return time.process_time() - began


def ratios(rounds: int, one, other) -> list[float]:
    """Return one's processor time over other's, for each round; the order alternates."""
    found = []
    for number in range(rounds):
        calls = [one, other] if number % 2 else [other, one]
        taken = {call: seconds(call) for call in calls}
        found.append(taken[one] / taken[other])
    return found


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.split("\n\n")[0])
    for name, default in (("rounds", 5), ("steps", 4), ("size", 128)):
        parser.add_argument(f"--{name}", type=int, default=default)
    args = parser.parse_args()
    torch.set_num_threads(1)
    host = Session(device="cpu").host
    subject = Image.open(ROOT / "assets" / "astronaut.jpg").convert("RGBA").resize((256, 256))
    subject.putalpha(Image.open(ROOT / "assets" / "astronaut-matte.png").convert("L").resize((256, 256)))
    sets = {size: lambda size=size: host.img2img(payload(args, subject, size, set="directions")) for size in (1, 4)}
    warm, cold = (lambda is_cold=is_cold: separate(host, args, subject, is_cold) for is_cold in (False, True))
    warm()
    print(f"load average before: {os.getloadavg()[0]:.1f}; {args.rounds} rounds, {args.steps} steps, {args.size} px")
    for name, one, other in (("set, batch size 1, to warm jobs", sets[1], warm),
                             ("set, batch size 4, to warm jobs", sets[4], warm),
                             ("set, batch size 1, to cold jobs", sets[1], cold)):
        low, middle, high = statistics.quantiles(ratios(args.rounds, one, other), n=4)
        print(f"{name:34}{middle:6.3f} ({low:.3f} to {high:.3f})")
    before = {key: caches.counters[key] for key in COUNTED}
    forget(host)
    sets[1]()
    print("a cold set: " + ", ".join(f"{caches.counters[key] - before[key]} {key.replace('_', ' ')}" for key in COUNTED))


if __name__ == "__main__":
    main()
