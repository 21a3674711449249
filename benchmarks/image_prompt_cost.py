"""What IP-Adapter units cost: time of a UNet call, what stays in memory while sampling, and what a second job repeats.

    python dev.py bench --full                                   with everything else
    python benchmarks/image_prompt_cost.py [--base sd15] [--latent 64] [--batch 2] [--rounds 3] [--device cpu]

Plain UNet, Relight's patches and diffusers' own processors, which compute keys and values at every step, take turns in the same
process, each round beginning with another one, with random weights of full size: a base unit (4 tokens), a plus unit (16), and
four plus units. A time is a median; ratios are medians of those of the same round, with the quartiles behind them. The load
average tells how quiet the machine was.
"""

from __future__ import annotations

import argparse
import os
import statistics
import sys
import time
from functools import partial
from pathlib import Path

import torch

ROOT = Path(__file__).resolve().parent.parent
sys.path[:0] = [str(ROOT / "tests"), str(ROOT / "devtools")]

import environments  # noqa: E402

if "sd_relight" not in sys.modules:
    environments.make_root_package(ROOT)

from diffusers import UNet2DConditionModel  # noqa: E402
from diffusers.models.attention_processor import IPAdapterAttnProcessor2_0  # noqa: E402
from ipadapter import ip_files as made  # noqa: E402
from ipadapter.mini_host import MiniHost  # noqa: E402
from sd_relight.benchmarks.machine import load  # noqa: E402
from sd_relight.lib_ipadapter.attend.attention import Unit, build_patches  # noqa: E402
from sd_relight.lib_ipadapter.attend.keys_values import compute_keys, size_in_bytes  # noqa: E402
from sd_relight.lib_ipadapter.attend.weight_types import transformer_weights  # noqa: E402

KINDS = {"one base unit": (4,), "one plus unit": (16,), "four plus units": (16,) * 4}
"""Tokens of each unit."""
CONFIGS = {
    "sd15": dict(cross_attention_dim=768),
    "sdxl": dict(cross_attention_dim=2048, block_out_channels=(320, 640, 1280), layers_per_block=2,
                 attention_head_dim=(5, 10, 20), transformer_layers_per_block=(1, 2, 10),
                 down_block_types=("DownBlock2D", "CrossAttnDownBlock2D", "CrossAttnDownBlock2D"),
                 up_block_types=("CrossAttnUpBlock2D", "CrossAttnUpBlock2D", "UpBlock2D")),
}


def synchronize(device: str) -> None:
    if device.startswith("cuda"):
        torch.cuda.synchronize()


def timed(call, device: str) -> tuple[float, torch.Tensor]:
    """Seconds of processor time on a CPU, which other programs disturb less, or by the clock on a GPU; and what came out."""
    clock = time.process_time if device == "cpu" else time.perf_counter
    synchronize(device)
    start = clock()
    result = call()
    synchronize(device)
    return clock() - start, result


@torch.no_grad()
def random_unet(base: str, device: str, dtype: torch.dtype) -> UNet2DConditionModel:
    """Full size, small weights: the values do not matter for time, and torch's own initialisation takes a minute."""
    with torch.device("meta"):
        unet = UNet2DConditionModel(**CONFIGS[base]).to(dtype)
    unet = unet.to_empty(device=device).eval()
    for name, weight in unet.named_parameters():
        weight.fill_(1.0) if "norm" in name and name.endswith("weight") else weight.uniform_(-0.02, 0.02)
    return unet


class Contestants:
    """One UNet, and each kind of image prompt in two ways. batch: rows that the UNet sees, half of them unconditional."""

    def __init__(self, base: str, latent: int, batch: int, device: str, dtype: torch.dtype):
        self.base, self.device, self.dtype, self.batch = base, device, dtype, batch
        self.cross = CONFIGS[base]["cross_attention_dim"]
        self.unet = random_unet(base, device, dtype)
        self.weights = made.random_state(made.layer_shapes(base), scale=0.02)
        self.x, self.text = (torch.randn(*shape, device=device, dtype=dtype)
                             for shape in ((batch, 4, latent, latent), (batch, 77, self.cross)))
        processors = {name: self.diffusers_processors(tokens) for name, tokens in KINDS.items()}
        self.host = MiniHost(base, self.unet)
        self.hosted = self.unet.attn_processors
        self.kept, self.build_seconds = {"plain UNet": 0}, {}
        self.calls = {"plain UNet": partial(self.run, {})}
        for name, tokens in KINDS.items():
            images = [torch.randn(2, 1, count, self.cross) for count in tokens]
            self.calls[f"Relight, {name}"] = partial(self.run, self.patches(name, images))
            rows = [image.repeat_interleave(batch // 2, 0)[:, 0].to(device, dtype) for image in images]
            self.calls[f"diffusers' processors, {name}"] = partial(self.run_theirs, processors[name], rows)
            layers = sum(weight.numel() for weight in self.weights.values()) * self.x.element_size()
            self.kept[f"diffusers' processors, {name}"] = layers * len(tokens)

    def patches(self, name: str, images: list[torch.Tensor]) -> dict:
        """images: for each unit the tokens of uncond and cond, [2, 1, S, D]."""
        layers = {num: (self.weights[f"{2 * num + 1}.to_k_ip.weight"], self.weights[f"{2 * num + 1}.to_v_ip.weight"])
                  for num in range(len(self.weights) // 2)}
        start = time.perf_counter()
        keys = [compute_keys(layers, cond, uncond, device=self.device, dtype=self.dtype) for uncond, cond in images]
        synchronize(self.device)
        self.build_seconds[name] = time.perf_counter() - start
        self.kept[f"Relight, {name}"] = sum(map(size_in_bytes, keys))
        return build_patches([Unit(one, transformer_weights("linear", self.base, 1.0)) for one in keys], self.base)

    def diffusers_processors(self, tokens: tuple[int, ...]) -> dict:
        processors = dict(self.unet.attn_processors)
        for number, name in enumerate(processors):
            if "attn2" in name:
                to_k, to_v = (self.weights[f"{number}.to_{part}_ip.weight"] for part in "kv")
                processor = IPAdapterAttnProcessor2_0(to_k.shape[0], self.cross, tokens)
                for unit in range(len(tokens)):
                    processor.to_k_ip[unit].weight.data, processor.to_v_ip[unit].weight.data = to_k, to_v
                processors[name] = processor.to(self.device, self.dtype)
        return processors

    def run(self, table: dict) -> torch.Tensor:
        self.unet.set_attn_processor(dict(self.hosted))
        self.host.table = table
        return self.host(self.x, 500, self.text, [1, 0])

    def run_theirs(self, processors: dict, images: list[torch.Tensor]) -> torch.Tensor:
        self.unet.set_attn_processor(dict(processors))
        with torch.no_grad():
            return self.unet(self.x, 500, (self.text, images)).sample


def measure(contestants: Contestants, rounds: int) -> tuple[dict[str, list[float]], dict[str, torch.Tensor]]:
    """Seconds of each in every round, and what each gives; one round before is not counted."""
    calls = contestants.calls
    results = {name: timed(call, contestants.device)[1] for name, call in calls.items()}
    times, names = {name: [] for name in calls}, list(calls)
    for number in range(rounds):
        shift = number % len(names)
        for name in names[shift:] + names[:shift]:
            times[name].append(timed(calls[name], contestants.device)[0])
    return times, results


def ratio_to(values: list[float], plain: list[float]) -> str:
    """Median and quartiles of the ratios, round by round."""
    ratios = [a / b for a, b in zip(values, plain)]
    if len(ratios) < 2:
        return f"{ratios[0]:.3f}"
    low, middle, high = statistics.quantiles(ratios, n=4, method="inclusive")
    return f"{middle:.3f} ({low:.3f} to {high:.3f})"


def cost(base: str, latent: int, batch: int, rounds: int, device: str) -> str:
    """Markdown: time of a UNet call, and bytes resident while sampling."""
    dtype = torch.float32 if device == "cpu" else torch.float16
    contestants = Contestants(base, latent, batch, device, dtype)
    before = load()
    times, results = measure(contestants, rounds)
    plain = times["plain UNet"]
    about = (f"Image prompts on a {base} UNet, {latent}x{latent} latents, UNet batch {batch}, {device}, "
             f"{str(dtype).removeprefix('torch.')}, {torch.get_num_threads()} threads, {rounds} rounds, load average {before} "
             f"to {load()} on {os.cpu_count()} cores.")
    lines = [about, "", "| UNet call | median | to plain | resident beside the UNet |", "| --- | --- | --- | --- |"]
    lines += [f"| {name} | {1000 * statistics.median(values):.0f} ms | {ratio_to(values, plain)} "
              f"| {contestants.kept[name] / 2**20:.1f} MiB |" for name, values in times.items()]
    lines += ["", *(beside(name, times, results, contestants.build_seconds[name]) for name in KINDS)]
    return "\n".join(lines)


def beside(name: str, times: dict[str, list[float]], results: dict[str, torch.Tensor], build_seconds: float) -> str:
    """Return how one kind of image prompt compares with diffusers' processors."""
    ours, theirs = f"Relight, {name}", f"diffusers' processors, {name}"
    apart, effect = (float((results[ours] - results[other]).abs().max()) for other in (theirs, "plain UNet"))
    return (f"- {name}: {ratio_to(times[ours], times[theirs])} of diffusers' time; outputs differ by at most {apart:.1e}, from "
            f"the plain one's by {effect:.1e}; keys and values of all layers, once a job, {1000 * build_seconds:.0f} ms.")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--base", choices=CONFIGS, default="sd15")
    parser.add_argument("--latent", type=int, default=64)
    parser.add_argument("--batch", type=int, default=2, help="rows that the UNet sees, half of them unconditional")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--device", default="cuda" if torch.cuda.is_available() else "cpu")
    options = parser.parse_args()
    print(cost(options.base, options.latent, options.batch, options.rounds, options.device))


if __name__ == "__main__":
    main()
