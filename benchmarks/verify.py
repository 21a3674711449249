"""`dev.py verify`: whether Relight equals the original on these model files, where its light falls, what it keeps, what it costs.

Writes verify.html, one page with its images inside, and verify.json. The exit code is 1 if a comparison differs.
"""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

from ..embedded_host.cli import demo
from ..embedded_host.cli.job_spec import fit_size
from ..embedded_host.cli.session import ROOT, Session, describe_models, is_tiny, native_side
from ..lib_iclight.light_kinds import SIDE_ANGLES
from ..lib_relight.base.errors import RelightError, UserError
from ..lib_relight.models import iclight_files
from ..lib_relight.models.folders import model_folders
from ..lib_relight.models.inspection import inspect, model_files
from ..training.evaluate import prompt_of
from ..training.rendering import held_out_scenes, render, to_uint8
from . import machine, measures, photographs
from .comparison import STRENGTH, Case, Comparison
from .options import LARGEST_STEPS, seed_of
from .original import resize_and_crop
from .verify_page import page

SIDES = ("left", "right", "top", "bottom")
OPPOSITE = {"left": "right", "right": "left", "top": "bottom", "bottom": "top"}
PHOTO_PROMPT, TINY_PHOTO_PROMPT = demo.PROMPT, demo.TINY_PROMPT
RENDERED = "rendered object"
TINY_STEPS = 4
"""The tiny models' lit sides are right after as few; the time of verify is for the most part that of its steps."""


def recognised(folder: Path) -> list[dict[str, Any]]:
    """Return what each model file in a folder is."""
    reports = ((path, inspect(path)) for path in model_files(folder))
    return [{"file": str(path.relative_to(folder)), "what": report.what, "for": report.fits, "published as": report.known,
             "whole": {True: "yes", False: "NO", None: "hash not known"}[report.whole], "message": report.message}
            for path, report in reports]


def iclight_paths() -> tuple[dict[str, Path], list[str]]:
    """Return the IC-Light file of each kind, and a sentence for each that cannot be used. Raises RelightError without fc."""
    found, notes = {}, []
    for kind, has_background in (("fc", False), ("fbc", True)):
        try:
            path = iclight_files.resolve("auto", has_background, model_folders("iclight"))[0]
            if path.suffix != ".safetensors":
                raise RelightError(f"{path.name} is not compared; verify reads .safetensors.")
            found[kind] = path
        except UserError as error:
            notes.append(str(error))
    if "fc" not in found:
        raise RelightError(notes[0])
    return found, notes


def subjects(models: Path, photos: int, objects: int) -> tuple[list[Case], list[str]]:
    """Return a case without a light for each photograph, the one that ships with the project first, and for each rendered
    object; and a sentence about photographs that are left out."""
    side, tiny = native_side(models), is_tiny(models)
    photo, matte = Image.open(demo.PHOTO).convert("RGB"), Image.open(demo.MATTE).convert("L")
    further, notes = photographs.cases(photos - 1, side, tiny)
    cases = [Case("astronaut", photo, matte, fit_size(photo.size, side), TINY_PHOTO_PROMPT if tiny else PHOTO_PROMPT), *further]
    if not objects:
        return cases, notes
    scenes = held_out_scenes(objects)
    images = render(scenes, side)
    for number, pixels in enumerate(to_uint8(images.foreground)):
        alpha = (images.alpha[number, 0].numpy() * 255).round().astype(np.uint8)
        name, prompt = f"{RENDERED} {number + 1}", prompt_of(scenes[number])
        cases.append(Case(name, Image.fromarray(pixels), Image.fromarray(alpha), (side, side), prompt))
    return cases, notes


def plan(args: Any, models: Path, kinds: set[str]) -> tuple[list[Case], list[str]]:
    """Return every subject in every light, then the first photograph on a background; and what is left out."""
    steps = check_steps(args.steps) if args.steps is not None else TINY_STEPS if is_tiny(models) else 18
    (found, notes), seed = subjects(models, args.photographs, args.objects), seed_of(args.seed)
    cases = [replace(case, seed=seed, steps=steps) for case in found]
    lit = [replace(case, side=side) for case in cases for side in args.light or SIDES]
    background = Image.open(demo.BACKGROUND).convert("RGB")
    return lit + [replace(cases[0], background=background)] * ("fbc" in kinds), notes


def check_steps(steps: int) -> int:
    """Return the steps if WebUIs schedule as many for them, int(steps / 0.9), as the original, round(). Raises RelightError."""
    if not 1 <= steps <= LARGEST_STEPS or int(steps / STRENGTH) != round(steps / STRENGTH):
        raise RelightError(f"--steps is {steps}; WebUIs and the original space the noise levels of that many differently; choose "
                           "1 to 4 or a multiple of 9 up to 150.")
    return steps


def measured(case: Case, image: Image.Image) -> dict[str, float]:
    """Return where the light falls and what of the subject is kept."""
    fitted, alpha = (resize_and_crop(part, *case.size) for part in (case.photo, case.matte))
    relit, original, matte = measures.to_tensor(image), measures.to_tensor(fitted), measures.matte_tensor(alpha)
    figures = {"colour error": measures.colour_error(relit, original, matte),
               "detail correlation": measures.detail_correlation(relit, original, matte)}
    if case.side:
        figures["contrast"] = measures.contrast(relit, matte, SIDE_ANGLES[case.side])
    return figures


def add_signs(rows: list[dict[str, Any]]) -> None:
    """Add whether each side is brighter than under the opposite light, where both were made."""
    found = {(row["subject"], row["light"]): row for row in rows}
    for (subject, side), row in found.items():
        other = found.get((subject, OPPOSITE.get(side)))
        if other is not None:
            row["lit side"] = "right" if row["contrast"] > -other["contrast"] else "WRONG"


def summary(rows: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """Return the lit sides and what is kept of photographs and of rendered objects, over all their lights."""
    groups = {"photographs": [], "rendered objects": []}
    for row in rows:
        if "contrast" in row:
            groups["rendered objects" if row["subject"].startswith(RENDERED) else "photographs"].append(row)
    return [summed(name, found) for name, found in groups.items() if found]


def summed(name: str, rows: list[dict[str, Any]]) -> dict[str, Any]:
    signs = [row["lit side"] for row in rows if "lit side" in row]
    contrasts = [row["contrast"] for row in rows]
    kept = {figure: [row[figure] for row in rows] for figure in ("colour error", "detail correlation")}
    return {"subjects": name, "images": len(rows), "lit side right": f"{signs.count('right')} of {len(signs)}",
            "lit half brighter": f"{sum(value > 0 for value in contrasts)} of {len(rows)}",
            "contrast, least": min(contrasts), "contrast, median": float(np.median(contrasts)),
            "contrast, largest": max(contrasts),
            **{f"{figure}, mean": float(np.mean(values)) for figure, values in kept.items()}}


def compared(comparison: Comparison, case: Case) -> tuple[dict[str, Any], dict[str, Image.Image], bool]:
    """Return a case's row, its images and whether both ways are equal. Prints a line."""
    figures, images = comparison.run(case)
    differs = figures.pop("differs")
    light, equal = case.side or "background", "yes" if case.whole else "first step"
    row = {"subject": case.name, "light": light, "equal": f"NO: {', '.join(differs)}" if differs else equal,
           **figures, **measured(case, images["Relight"])}
    distance = f"{figures['PSNR, dB']:.0f} dB, " if case.whole else ""
    print(f"{case.name}, {light}: {row['equal']}, {distance}{figures['seconds']:.1f} s", flush=True)
    return row, {"subject": case.photo, **images}, not differs


def run(args: Any) -> int:
    session = Session(args.models, args.device)
    files, notes = iclight_paths()
    print(f"models: {describe_models(session.models)}\ndevice: {session.device}", flush=True)
    comparison, rows, pictures, equal = Comparison(session.host, files), [], [], True
    cases, left_out = plan(args, session.models, set(files))
    print(*left_out, sep="\n", end="\n" * bool(left_out), flush=True)
    for case in cases:
        row, images, same = compared(comparison, case)
        rows.append(row)
        pictures.append((f"{case.name}, {row['light']}", images))
        equal = equal and same
    add_signs(rows)
    report = {"equal": equal, "machine": machine.describe(session.device), "models": describe_models(session.models),
              "seed": cases[0].seed, "steps": cases[0].steps, "files": recognised(session.models), "notes": notes + left_out,
              "summary": summary(rows), "rows": rows}
    write(args.out, report, pictures)
    for row in report["summary"]:
        print(f"{row['subjects']}: lit side right in {row['lit side right']}, contrast {row['contrast, least']:.3f} to "
              f"{row['contrast, largest']:.3f}")
    print(f"{'equal to' if equal else 'DIFFERENT from'} the original; wrote {args.out / 'verify.html'} and verify.json")
    return 0 if equal else 1


def write(folder: Path, report: dict[str, Any], pictures: list[tuple[str, dict[str, Image.Image]]]) -> None:
    """Write both files. Raises RelightError where that is not possible; paths of the user's home are not in them."""
    try:
        folder.mkdir(parents=True, exist_ok=True)
        text = json.dumps({**report, "models": report["models"].replace(str(ROOT), ".").replace(str(Path.home()), "~")}, indent=1)
        (folder / "verify.json").write_text(text + "\n", "utf-8")
        (folder / "verify.html").write_text(page(json.loads(text), pictures), "utf-8")
    except OSError as error:
        raise RelightError(f"--out is {folder}, which cannot be written ({error}); choose another folder.") from error
