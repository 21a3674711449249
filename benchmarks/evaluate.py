"""`dev.py evaluate`: how near relit images are to the true ones, with and without what Relight adds to the original.

The truth is a render of the same object in the asked light, or an image of a published set: see examples.from_folder.
"""

from __future__ import annotations

import statistics
from collections.abc import Iterable
from typing import Any

from PIL import Image

from ..embedded_host.cli.session import Session, describe_models, is_tiny, native_side
from ..lib_relight.models import ip_adapter_files
from ..lib_relight.models.folders import model_folders
from . import machine, measures
from .examples import Example, from_folder, rendered
from .options import check_evaluate, seed_of
from .output import write

VARIANTS = {"networks alone": {}, "detail": {"iclight": {"detail": 1.0}}, "colour hold": {"iclight": {"color_hold": 0.7}},
            "detail, colour hold": {"iclight": {"detail": 1.0, "color_hold": 0.7}},
            "image prompt of the subject": {"ip_adapter": [{"image": "subject", "weight": 0.6}]}}
OBJECTS = 6
FIGURES = ("right side", "light angle error", "PSNR, dB", "SSIM", "colour error", "edge retention")


def measured(example: Example, relit: Image.Image) -> dict[str, float]:
    """Return the figures of one image; those that need a direction or normals only where the example has them."""
    image, original, truth = (measures.to_tensor(part) for part in (relit, example.photo, example.truth))
    alpha, found = measures.matte_tensor(example.matte), {}
    if example.angle is not None:
        found["right side"] = float(measures.contrast(image, alpha, example.angle) > 0)
    if example.angle is not None and example.normal is not None:
        found["light angle error"] = measures.light_angle_error(image, example.normal, alpha, example.angle)
    return {**found, "PSNR, dB": measures.psnr(image, truth, alpha), "SSIM": measures.ssim(image, truth, alpha),
            "colour error": measures.colour_error(image, original, alpha),
            "edge retention": measures.edge_retention(image, truth, alpha)}


def payload(example: Example, variant: dict[str, Any], options: dict[str, Any]) -> dict[str, Any]:
    iclight = {**example.light, "mask": example.matte, "matting": "mask", **variant.get("iclight", {})}
    request = {**variant, "iclight": iclight}
    width, height = example.photo.size
    return {"init_images": [example.photo], "width": width, "height": height, "prompt": example.prompt, "cfg_scale": 2.0,
            "sampler_name": "Euler a", "denoising_strength": 1.0, "alwayson_scripts": {"Relight": {"args": [request]}}, **options}


def evaluated(host: Any, examples: Iterable[Example], variants: dict[str, dict],
              options: dict[str, Any]) -> dict[str, list[dict]]:
    """Return the figures of every example for each variant; the input itself is a row as well."""
    found: dict[str, list[dict]] = {"input": [], **{name: [] for name in variants}}
    for example in examples:
        found["input"].append(measured(example, example.photo))
        for name, variant in variants.items():
            image = host.img2img(payload(example, variant, options)).images[0]
            found[name].append({"example": example.name, "light": example.light.get("light"), **measured(example, image)})
    return found


def table(found: dict[str, list[dict]]) -> str:
    """Return a Markdown table of means."""
    lines = [f"| | {' | '.join(FIGURES)} |", f"|{' --- |' * (1 + len(FIGURES))}"]
    for name, rows in found.items():
        values = {key: [row[key] for row in rows if key in row] for key in FIGURES}
        lines.append(f"| {name} | {' | '.join(f'{statistics.mean(v):.3g}' if v else '' for v in values.values())} |")
    return "\n".join(lines)


def run(args: Any) -> int:
    check_evaluate(args)
    session = Session(args.models, args.device)
    side = native_side(session.models)
    examples = list(from_folder(args.examples, (side, side)) if args.examples else rendered(args.objects or OBJECTS, side))
    has_adapter = bool(ip_adapter_files.choices(model_folders("ipadapter")))
    variants = {name: variant for name, variant in VARIANTS.items() if has_adapter or "ip_adapter" not in variant}
    options = {"steps": args.steps or (8 if is_tiny(session.models) else 25), "seed": seed_of(args.seed)}
    found = evaluated(session.host, examples, variants, options)
    about = (f"models: {describe_models(session.models)}\n{len(examples)} examples, {side} px, {options['steps']} steps, seed "
             f"{options['seed']}")
    text = f"{about}\n\n{table(found)}\n"
    write(args, text, {"machine": machine.describe(session.device), **options, "figures": found})
    return 0
