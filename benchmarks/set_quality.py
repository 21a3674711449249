"""How good normal maps and sweeps are: angular error on held-out rendered objects, and steadiness of a sweep's frames.

    python benchmarks/set_quality.py [--objects 32] [--frames 24] [--steps 8] [--only normals|sweep]

The embedded host runs the script with the tiny demo models at 256 px. Normals: img2img at denoise 1, four lights each; the error
is the angle to the renderer's normal, inside of the matte. Sweep: the mean change from frame to frame inside of the matte in grey
levels, beside that of the light maps, with and without `set_blend`.
"""

from __future__ import annotations

import argparse
import statistics
import sys
from pathlib import Path

import numpy as np
from PIL import Image

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT / "devtools"))

import environments  # noqa: E402

if "sd_relight" not in sys.modules:
    environments.make_root_package(ROOT)

from sd_relight.embedded_host.cli.session import Session  # noqa: E402
from sd_relight.lib_iclight.light_map import render_lights  # noqa: E402
from sd_relight.lib_iclight.light_sets import expand_set  # noqa: E402
from sd_relight.lib_iclight.normals import normals_from_relights  # noqa: E402
from sd_relight.lib_iclight.params import IcLightParams  # noqa: E402
from sd_relight.training.rendering import held_out_scenes, render, to_uint8  # noqa: E402
from sd_relight.training.scenes import COLOUR_NAMES, SHAPES  # noqa: E402

SIZE = 256
HELD_OUT = 2001
"""Seed of scenes that neither the training nor its evaluation draws."""
SWEEP = {"set": "sweep", "light": "left", "lights": [{"light": "top"}, {"light": "right"}, {"light": "bottom"}]}


def relit(session: Session, subject: Image.Image, prompt: str, steps: int, **fields) -> np.ndarray:
    """Return the images of a set, uint8 [N, H, W, 3]."""
    payload = {"init_images": [subject], "width": SIZE, "height": SIZE, "steps": steps, "seed": 7, "cfg_scale": 2.0,
               "batch_size": 4, "sampler_name": "Euler", "denoising_strength": 1.0, "prompt": prompt,
               "alwayson_scripts": {"Relight": {"args": [{"iclight": fields}]}}}
    result = session.host.img2img(payload)
    own = [image for image, text in zip(result.images, result.infotexts) if "Relight light" in text]
    return np.stack([np.asarray(image.convert("RGB")) for image in own[result.index_of_first_image:]])


def cut_out(renders, index: int) -> Image.Image:
    alpha = (renders.alpha[index, 0] * 255).round().byte().numpy()
    return Image.fromarray(np.dstack([to_uint8(renders.foreground[index:index + 1])[0], alpha]), "RGBA")


def report_normals(session: Session, count: int, steps: int) -> None:
    scenes = held_out_scenes(count, HELD_OUT)
    renders = render(scenes, SIZE)
    errors: dict[str, list] = {shape: [] for shape in SHAPES}
    facing = []
    for index, scene in enumerate(scenes):
        shape = SHAPES[scene.shape]
        prompt = f"a {COLOUR_NAMES[scene.style.colour]} clay {shape}, neutral light"
        images = relit(session, cut_out(renders, index), prompt, steps, set="normals")
        truth = renders.normal[index].permute(1, 2, 0).numpy()
        inside = renders.alpha[index, 0].numpy() > 0.99
        found = normals_from_relights(images / 255)
        errors[shape].append(angle(found, truth)[inside].mean())
        facing.append(angle(np.broadcast_to([0.0, 0.0, 1.0], truth.shape), truth)[inside].mean())
        print(f"{index + 1}/{count} {shape}: {errors[shape][-1]:.1f} degrees, a flat map {facing[-1]:.1f}", flush=True)
    everything = [error for found in errors.values() for error in found]
    print(f"normals of {count} objects, {steps} steps: mean angular error {np.mean(everything):.1f} degrees "
          f"({np.min(everything):.1f} to {np.max(everything):.1f}); a flat map has {np.mean(facing):.1f}")
    print(", ".join(f"{shape} {np.mean(found):.1f}" for shape, found in errors.items() if found))


def angle(a: np.ndarray, b: np.ndarray) -> np.ndarray:
    return np.degrees(np.arccos((a * b).sum(-1).clip(-1, 1)))


def changes(frames: np.ndarray, inside: np.ndarray) -> np.ndarray:
    """Return the mean absolute change from each frame to the next, the last to the first, inside of a mask [H, W]."""
    following = np.roll(frames, -1, axis=0).astype(float)
    return np.abs(following - frames)[:, inside].mean(axis=(1, 2))


def report_sweep(session: Session, frames: int, steps: int) -> None:
    scene = held_out_scenes(1, HELD_OUT)
    renders = render(scene, SIZE)
    inside = renders.alpha[0, 0].numpy() > 0.5
    lights = expand_set(IcLightParams(**{**SWEEP, "set_frames": frames}))
    light = changes(np.stack([render_lights(params, "fc", SIZE, SIZE) for params in lights]), inside)
    print(f"sweep of {frames} frames, {steps} steps; change of the light maps {light.mean():.2f}")
    for blend in (0.0, 0.5):
        fields = {**SWEEP, "set_frames": frames, "set_blend": blend}
        images = relit(session, cut_out(renders, 0), "a clay object, neutral light", steps, **fields)
        found = changes(images, inside)
        middle = statistics.median(found)
        print(f"set_blend {blend}: change {found.mean():.2f} ({found.mean() / light.mean():.2f} of the light's), median "
              f"{middle:.2f}, largest {found.max():.2f} ({found.max() / middle:.2f} of the median)")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.split("\n\n")[0])
    for name, default in (("objects", 32), ("frames", 24), ("steps", 8)):
        parser.add_argument(f"--{name}", type=int, default=default)
    parser.add_argument("--only", choices=("normals", "sweep"))
    args = parser.parse_args()
    session = Session(device="cpu")
    if args.only != "normals":
        report_sweep(session, args.frames, args.steps)
    if args.only != "sweep":
        report_normals(session, args.objects, args.steps)


if __name__ == "__main__":
    main()
