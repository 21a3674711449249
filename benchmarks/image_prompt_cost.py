"""What one IP-Adapter unit costs: time of a UNet call, and what stays in memory while sampling.

    python benchmarks/image_prompt_cost.py [--base sd15] [--latent 64] [--batch 2] [--rounds 5] [--device cpu]

Plain UNet, Relight's patches and diffusers' own processors run in turn in the same process, with random weights of full
size. Each time is a median; the last column is the median of its ratios to the plain UNet of the same round. Rows are
printed as a Markdown table.
"""

from __future__ import annotations

import argparse
import statistics
import sys
import time
from pathlib import Path

import torch

ROOT = Path(__file__).resolve().parent.parent
sys.path[:0] = [str(ROOT / "tests")]

import conftest  # noqa: E402, F401  (creates the root package)
from diffusers import UNet2DConditionModel  # noqa: E402
from ipadapter import ip_files as made  # noqa: E402
from ipadapter.mini_host import MiniHost  # noqa: E402
from sd_relight.lib_ipadapter.attention import Unit, build_patches  # noqa: E402
from sd_relight.lib_ipadapter.keys import compute_keys, size_in_bytes  # noqa: E402
from sd_relight.lib_ipadapter.weight_types import transformer_weights  # noqa: E402

TOKENS = 16
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


def timed(call, device: str) -> float:
    """Seconds of processor time on a CPU, which other programs disturb less; seconds by the clock on a GPU."""
    clock = time.process_time if device == "cpu" else time.perf_counter
    synchronize(device)
    start = clock()
    call()
    synchronize(device)
    return clock() - start


@torch.no_grad()
def measure(base: str, latent: int, batch: int, rounds: int, device: str, dtype: torch.dtype) -> list[tuple[str, float, float]]:
    cross = CONFIGS[base]["cross_attention_dim"]
    with torch.device(device):
        unet = UNet2DConditionModel(**CONFIGS[base]).to(dtype).eval()
    weights = made.random_state(made.layer_shapes(base), scale=0.02)
    layers = {num: (weights[f"{2 * num + 1}.to_k_ip.weight"], weights[f"{2 * num + 1}.to_v_ip.weight"])
              for num in range(len(weights) // 2)}
    rows = 2 * batch
    x, text = (torch.randn(*shape, device=device, dtype=dtype) for shape in ((rows, 4, latent, latent), (rows, 77, cross)))
    cond, uncond = torch.randn(1, TOKENS, cross), torch.randn(1, TOKENS, cross)

    before = unet.attn_processors
    host = MiniHost(base, unet)
    hosted = unet.attn_processors
    build = time.perf_counter()
    keys = compute_keys(layers, cond, uncond, device=device, dtype=dtype)
    synchronize(device)
    build = time.perf_counter() - build
    patches = build_patches([Unit(keys, transformer_weights("linear", base, 1.0))], base)

    def run(table):
        unet.set_attn_processor(dict(hosted))
        host.table = table
        host(x, 500, text, [1, 0])

    theirs = diffusers_processors(unet, before, weights, cross, device, dtype)
    ip = torch.cat([uncond, cond]).repeat_interleave(batch, 0).to(device, dtype)

    def run_theirs():
        unet.set_attn_processor(dict(theirs))
        unet(x, 500, (text, [ip]))

    calls = {"plain UNet": lambda: run({}), "Relight, one unit": lambda: run(patches), "diffusers' processors": run_theirs}
    times = {name: [] for name in calls}
    for number in range(rounds + 1):
        for name, call in calls.items():
            seconds = timed(call, device)
            if number:
                times[name].append(seconds)
    print(f"Keys and values for all layers, once a job: {1000 * build:.0f} ms. Resident while sampling: "
          f"{size_in_bytes(keys) / 2**20:.1f} MiB; the adapter's layers would be "
          f"{sum(w.numel() for w in weights.values()) * keys[0].cond[0].element_size() / 2**20:.1f} MiB.\n")
    plain = times["plain UNet"]
    return [(name, statistics.median(values), statistics.median(a / b for a, b in zip(values, plain)))
            for name, values in times.items()]


def diffusers_processors(unet, before, weights, cross, device, dtype) -> dict:
    from diffusers.models.attention_processor import IPAdapterAttnProcessor2_0

    processors = {}
    for number, (name, own) in enumerate(before.items()):
        processors[name] = own
        if "attn2" in name:
            to_k, to_v = (weights[f"{number}.to_{part}_ip.weight"] for part in "kv")
            processor = IPAdapterAttnProcessor2_0(to_k.shape[0], cross, (TOKENS,))
            processor.to_k_ip[0].weight.data, processor.to_v_ip[0].weight.data = to_k, to_v
            processors[name] = processor.to(device, dtype)
    return processors


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--base", choices=CONFIGS, default="sd15")
    parser.add_argument("--latent", type=int, default=64)
    parser.add_argument("--batch", type=int, default=2)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--device", default="cuda" if torch.cuda.is_available() else "cpu")
    options = parser.parse_args()
    dtype = torch.float32 if options.device == "cpu" else torch.float16
    print(f"{options.base}, latent {options.latent}, batch {options.batch} (cond and uncond together), {TOKENS} tokens, "
          f"{options.device}, {str(dtype).removeprefix('torch.')}, {torch.get_num_threads()} threads\n")
    results = measure(options.base, options.latent, options.batch, options.rounds, options.device, dtype)
    print("| UNet call | median | to plain |\n| --- | --- | --- |")
    for name, seconds, ratio in results:
        print(f"| {name} | {1000 * seconds:.0f} ms | {ratio:.3f} |")


if __name__ == "__main__":
    main()
