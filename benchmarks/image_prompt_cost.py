"""What IP-Adapter units cost: time of a UNet call, what stays in memory while sampling, and what a second job repeats.

    python dev.py bench --full                                   with everything else
    python benchmarks/image_prompt_cost.py [--base sd15] [--latent 64] [--batch 2] [--rounds 3] [--layer-rounds 20] [--device cpu]

Plain UNet, Relight's patches and diffusers' own processors, which compute keys and values at every step, take turns in the same
process, each round beginning with another one, with random weights of full size: a base unit (4 tokens), a plus unit (16), and
four plus units. The cross-attention layers take turns alone as well, where the rest of the UNet adds no noise. Times are
processor time on a CPU; a time is a median, ratios are medians of those of the same round, with the quartiles behind them.
"""

from __future__ import annotations

import argparse
import statistics
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import torch

ROOT = Path(__file__).resolve().parent.parent
if "sd_relight" not in sys.modules:
    sys.path.insert(0, str(ROOT / "devtools"))
    import environments

    environments.make_root_package(ROOT)

from sd_relight.benchmarks import machine  # noqa: E402
from sd_relight.benchmarks.prompt_ways import CONFIGS, KINDS, PLAIN, Ways, ours, theirs  # noqa: E402
from sd_relight.benchmarks.resources import Stopwatch  # noqa: E402
from sd_relight.benchmarks.spread import ratio_to, turns  # noqa: E402

LAYER_ROUNDS = 20


def in_turns(calls: dict[str, Callable[[], Any]], rounds: int, device: str) -> tuple[dict[str, list[float]], dict[str, Any]]:
    """Return the seconds of each call in every round, and what each gives; one round before is not counted."""
    stopwatch = Stopwatch(device)
    results = {name: call() for name, call in calls.items()}
    times: dict[str, list[float]] = {name: [] for name in calls}
    for name in turns(calls, rounds):
        start = stopwatch()
        calls[name]()
        times[name].append(stopwatch() - start)
    return times, results


def apart(results: dict[str, torch.Tensor], name: str, other: str) -> float:
    return float((results[name] - results[other]).abs().max())


def cost(base: str, latent: int, batch: int, rounds: int, device: str, layer_rounds: int = LAYER_ROUNDS,
         config: dict[str, Any] | None = None) -> dict[str, Any]:
    """Return the seconds of every round, bytes resident while sampling, and how far the outputs are apart.

    config: of the UNet, by default the base's full size.
    """
    dtype = torch.float32 if device == "cpu" else torch.float16
    ways = Ways(base, config or CONFIGS[base], latent, batch, device, dtype)
    before = machine.load()
    times, results = in_turns(ways.calls, rounds, device)
    alone, _ = in_turns(ways.layers, layer_rounds, device)
    return {"base": base, "latent": latent, "batch": batch, "device": device, "dtype": str(dtype).removeprefix("torch."),
            "threads": torch.get_num_threads(), "load average": [before, machine.load()], "seconds": times,
            "seconds of the cross-attention layers alone": alone, "resident bytes": ways.kept,
            "seconds of keys and values, once a job": ways.build_seconds,
            "largest distance to diffusers": {kind: apart(results, ours(kind), theirs(kind)) for kind in KINDS},
            "largest distance to plain": {kind: apart(results, ours(kind), PLAIN) for kind in KINDS}}


def table(found: dict[str, Any]) -> str:
    """Return what `cost` found as Markdown."""
    times, side = found["seconds"], found["latent"]
    about = (f"Image prompts on a {found['base']} UNet, {side}x{side} latents, UNet batch {found['batch']}, {found['device']}, "
             f"{found['dtype']}, {found['threads']} threads, {len(times[PLAIN])} rounds, load average "
             f"{' to '.join(found['load average'])}.")
    lines = [about, "", "| UNet call | median | to plain | resident beside the UNet |", "| --- | --- | --- | --- |"]
    lines += [f"| {name} | {1000 * statistics.median(values):.0f} ms | {ratio_to(values, times[PLAIN])} "
              f"| {found['resident bytes'][name] / 2**20:.1f} MiB |" for name, values in times.items()]
    return "\n".join([*lines, "", *(beside(kind, found) for kind in KINDS), *(layers_alone(kind, found) for kind in KINDS)])


def beside(kind: str, found: dict[str, Any]) -> str:
    """Return how one kind of image prompt compares with diffusers' processors."""
    times, milliseconds = found["seconds"], 1000 * found["seconds of keys and values, once a job"][kind]
    return (f"- {kind}: {ratio_to(times[ours(kind)], times[theirs(kind)])} of diffusers' time; outputs differ by at most "
            f"{found['largest distance to diffusers'][kind]:.1e}, from the plain one's by "
            f"{found['largest distance to plain'][kind]:.1e}; keys and values of all layers, once a job, {milliseconds:.0f} ms.")


def layers_alone(kind: str, found: dict[str, Any]) -> str:
    """Return the time that one kind adds to the cross-attention layers, beside what diffusers' processors add."""
    times = found["seconds of the cross-attention layers alone"]
    plain = times[PLAIN]
    added = {name: [a - b for a, b in zip(times[name], plain, strict=True)] for name in (ours(kind), theirs(kind))}
    own, other = (1000 * statistics.median(values) for values in added.values())
    return (f"- {kind}, cross-attention layers alone ({len(plain)} rounds): {1000 * statistics.median(plain):.0f} ms plain, "
            f"{own:.0f} ms more with Relight, {other:.0f} ms more with diffusers' processors: {ratio_to(*added.values())} of "
            "their added time.")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--base", choices=CONFIGS, default="sd15")
    parser.add_argument("--latent", type=int, default=64)
    parser.add_argument("--batch", type=int, default=2, help="rows that the UNet sees, half of them unconditional")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--layer-rounds", type=int, default=LAYER_ROUNDS, help="of the cross-attention layers alone")
    parser.add_argument("--device", default="cuda" if torch.cuda.is_available() else "cpu")
    options = parser.parse_args()
    print(table(cost(options.base, options.latent, options.batch, options.rounds, options.device, options.layer_rounds)))


if __name__ == "__main__":
    main()
