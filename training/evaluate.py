"""Evaluates the models on held-out scenes: figures.json, row by row, and contact sheets.

    python dev.py train-demo --start models/demo --only evaluate
"""

from __future__ import annotations

import argparse
import json
import time
from pathlib import Path

import numpy as np
import torch
from PIL import Image
from torch import Tensor

from .devices import pick_device
from .inference import Sampler
from .latents import decode
from .metrics import centre_disc, has_hue, hue_distance, lit_difference, mean_inside, psnr
from .rendering import Renders, held_out_scenes, light_ramp, render, to_uint8
from .scenes import COLOUR_NAMES, DIRECTIONS, SHAPES, Scene
from .train_adapter import vision_input

SIZE = 256
SEED = 7
KINDS = {"vae": (), "fc": ("fc",), "fbc": ("fbc",), "adapter": ("base",), "corners": ("fc",)}  # part: UNets it needs
CORNERS = {"top-left": 135.0, "top-right": 45.0, "bottom-left": 225.0, "bottom-right": 315.0}
MODES = (("img2img 1.0", DIRECTIONS, {"strength": 1.0}), ("txt2img", DIRECTIONS, {"strength": 1.0, "seed": 5007}),
         ("img2img 0.9", DIRECTIONS, {"strength": 0.9}))
CORNER_MODES = (("img2img 1.0", CORNERS, {"strength": 1.0}),)


class Report:
    """Writes figures.json after each row; a resumed evaluation with the same settings skips existing rows."""

    def __init__(self, path: Path, settings: dict) -> None:
        self.path = path
        found = json.loads(path.read_text()) if path.exists() else {}
        self.rows = found if found.get("settings") == settings else {"settings": settings}

    def __contains__(self, name: str) -> bool:
        return name in self.rows

    def add(self, name: str, figures: dict) -> None:
        self.rows[name] = figures
        self.path.write_text(json.dumps(self.rows, indent=1) + "\n")
        print(name, json.dumps(figures), flush=True)


def prompt_of(scene: Scene, light: str = "neutral light") -> str:
    return f"a {COLOUR_NAMES[scene.style.colour]} clay {SHAPES[scene.shape]}, {light}"


def save_sheet(rows: list[Tensor], path: Path, columns: int = 12) -> None:
    """Save rows of images as one PNG at half size."""
    grid = np.concatenate([np.concatenate(list(to_uint8(r[:columns])), 1) for r in rows], 0)
    image = Image.fromarray(grid)
    image.resize((image.width // 2, image.height // 2), Image.LANCZOS).save(path)


def sign_figures(difference: Tensor) -> dict:
    return {"right sign": float((difference > 0).float().mean()), "mean contrast": float(difference.mean())}


def evaluate_vae(sampler: Sampler, renders: Renders, out: Path, photos: Tensor | None) -> dict:
    def rebuilt(x: Tensor) -> Tensor:
        return decode(sampler.vae, sampler.encode(x)).cpu()

    sets = {"renders": renders.target, "gradients": torch.cat([light_ramp(a, SIZE) for a in DIRECTIONS.values()])}
    if photos is not None:
        sets["photographs"] = photos
    save_sheet([renders.target, rebuilt(renders.target[:12])], out / "vae.png")
    return {f"PSNR of {name}, dB": psnr(rebuilt(x), x) for name, x in sets.items()}


def evaluate_fc(sampler: Sampler, scenes: list[Scene], renders: Renders, out: Path, options: dict, report: Report,
                modes: tuple = MODES) -> None:
    """Report, for each mode and light, whether the object is lit from the requested side."""
    condition = sampler.encode(renders.foreground)
    prompts = [prompt_of(s) for s in scenes]
    for mode, lights, own in modes:
        for name, angle in lights.items():
            if f"fc, {mode}, {name}" in report:
                continue
            began, init = time.monotonic(), sampler.encode(light_ramp(angle, SIZE))
            relit = sampler.sample_many("fc", prompts, init=init, concat=condition, **{"seed": SEED, **options, **own})
            seconds = (time.monotonic() - began) / len(scenes)
            save_sheet([renders.foreground, relit], out / f"fc {mode} {name}.png")
            report.add(f"fc, {mode}, {name}", {**light_figures(relit, renders, angle), "seconds an image": seconds})


def light_figures(relit: Tensor, renders: Renders, angle: float) -> dict:
    before = lit_difference(renders.foreground, renders.alpha, angle)
    after = lit_difference(relit, renders.alpha, angle)
    other_side = before < -0.03
    return {**sign_figures(after), "lit from the other side before": int(other_side.sum()),
            "of these right": int((after[other_side] > 0).sum()), "colour error": colour_error(relit, renders)}


def colour_error(relit: Tensor, renders: Renders) -> float:
    """Return the distance of the object's mean colour from the flatly lit object's, at equal brightness."""
    inside = (renders.alpha > 0.5).float()
    a, b = mean_inside(relit, inside), mean_inside(renders.foreground, inside)
    return float((a / a.mean(1, keepdim=True) - b / b.mean(1, keepdim=True)).abs().mean())


def evaluate_fbc(sampler: Sampler, scenes: list[Scene], renders: Renders, out: Path, options: dict) -> dict:
    """Evaluate fbc: every object before another scene's wall, from pure noise."""
    order = torch.from_numpy(np.random.default_rng(2000).permutation(len(scenes)))
    walls = renders.background[order]
    concat = torch.cat([sampler.encode(renders.foreground), sampler.encode(walls)], 1)
    relit = sampler.sample_many("fbc", [prompt_of(s, "light") for s in scenes], concat=concat,
                                **{"seed": SEED + 2, **options})
    angles = torch.tensor([scenes[int(i)].angle for i in order])
    after = lit_difference(relit, renders.alpha, angles)
    before = lit_difference(renders.foreground, renders.alpha, angles)
    outside = (renders.alpha < 0.01).float()
    save_sheet([renders.foreground, walls, relit], out / "fbc.png")
    return {**sign_figures(after), "right sign before": float((before > 0).float().mean()),
            "wall error": float((mean_inside((relit - walls).abs(), outside)).mean()),
            "colour error": colour_error(relit, renders)}


def evaluate_adapter(sampler: Sampler, renders: Renders, out: Path, options: dict) -> dict:
    """Evaluate the IP-Adapter: prompts without colour words, each held-out image as reference, at weight 0 and 1."""
    reference = vision_input(renders.target)
    object_colour = mean_inside(renders.target, (renders.alpha > 0.5).float())
    wall_colour = mean_inside(renders.target, (renders.alpha < 0.01).float())
    prompts = ["a clay ball, light"] * len(reference)
    rows, report = [renders.target], {}
    for weight in (0.0, 1.0):
        made = sampler.sample_many("base", prompts, reference=reference, weight=weight, **{"seed": SEED + 4, **options})
        rows.append(made)
        middle, rim = centre_disc(SIZE, 0.3).expand(len(made), 1, -1, -1), 1 - centre_disc(SIZE, 1.0)
        for name, mask, wanted in (("object", middle, object_colour), ("wall", rim.expand_as(middle), wall_colour)):
            distance = hue_distance(mean_inside(made, mask), wanted)[has_hue(wanted)]
            report[f"{name} hue distance at weight {weight:g}, degrees"] = float(distance.mean())
    for name in ("object", "wall"):
        ends = [report[f"{name} hue distance at weight {w}, degrees"] for w in (0, 1)]
        report[f"{name} hue distance, weight 1 / weight 0"] = ends[1] / ends[0]
    save_sheet(rows, out / "adapter.png")
    return report


def load_photos(folder: Path | None) -> Tensor | None:
    """Return the centre squares of the folder's images at SIZE, float32 [N, 3, SIZE, SIZE], or None."""
    if folder is None:
        return None
    squares = []
    for path in sorted(p for p in folder.iterdir() if p.suffix.lower() in (".png", ".jpg", ".jpeg", ".webp")):
        image = Image.open(path).convert("RGB")
        side = min(image.size)
        left, top = (image.width - side) // 2, (image.height - side) // 2
        image = image.crop((left, top, left + side, top + side)).resize((SIZE, SIZE), Image.LANCZOS)
        squares.append(torch.from_numpy(np.array(image)).permute(2, 0, 1).float() / 255)
    return torch.stack(squares) if squares else None


def build_parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(description="Measure the demo models on held-out renders.")
    parser.add_argument("--models", type=Path, required=True)
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--only", nargs="*", choices=KINDS, default=[*KINDS])
    parser.add_argument("--objects", type=int, default=64)
    parser.add_argument("--steps", type=int, default=8)
    parser.add_argument("--cfg", type=float, default=2.0)
    parser.add_argument("--eta", type=float, default=1.0, help="0 = deterministic, 1 = ancestral noise as in Euler a")
    parser.add_argument("--device", default="auto")
    parser.add_argument("--photos", type=Path, default=None, help="a folder of photographs for the VAE's figure")
    return parser


def evaluate(args: argparse.Namespace) -> None:
    args.out.mkdir(parents=True, exist_ok=True)
    scenes = held_out_scenes(args.objects)
    renders = render(scenes, SIZE)
    options = {"steps": args.steps, "cfg": args.cfg, "eta": args.eta}
    report = Report(args.out / "figures.json", {"objects": args.objects, **options})
    for part in args.only:
        if part in report:
            continue
        sampler = Sampler(args.models, KINDS[part], adapter=part == "adapter", device=str(pick_device(args.device)))
        if part in ("fc", "corners"):
            modes = MODES if part == "fc" else CORNER_MODES
            evaluate_fc(sampler, scenes, renders, args.out, options, report, modes)
        elif part == "vae":
            report.add(part, evaluate_vae(sampler, renders, args.out, load_photos(args.photos)))
        elif part == "fbc":
            report.add(part, evaluate_fbc(sampler, scenes, renders, args.out, options))
        else:
            report.add(part, evaluate_adapter(sampler, renders, args.out, options))


def main(argv: list[str] | None = None) -> int:
    evaluate(build_parser().parse_args(argv))
    return 0
