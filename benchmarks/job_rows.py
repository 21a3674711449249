"""The kinds of job that `dev.py bench` runs on the embedded host."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

from PIL import Image

from ..embedded_host.cli import demo
from ..embedded_host.cli.job_spec import fit_size
from ..embedded_host.cli.session import is_tiny, native_side
from ..lib_iclight.light_sets import NAMED_SETS
from ..lib_relight.matting import matting
from .comparison import Case, forget

PLAIN, LIGHT, HIRES, CUT_OUT, PROMPT = "plain", "fc", "fc, hires 1.5", "fc, cut-out", "one image prompt"
SET, SEPARATE = "set of eight lights", "eight jobs, one for each light"
HR_SCALE, HR_STRENGTH = 1.5, 0.5
Job = Callable[[], Any]


def base_case(models: Path, steps: int | None, size: int | None, seed: int) -> Case:
    """Return the photograph that ships with the project, lit from the left."""
    photo = Image.open(demo.PHOTO).convert("RGB")
    side = size or (native_side(models) // 2 if is_tiny(models) else native_side(models))
    return Case("astronaut", photo, Image.open(demo.MATTE).convert("L"), fit_size(photo.size, side),
                demo.TINY_PROMPT if is_tiny(models) else demo.PROMPT, side="left", seed=seed, steps=steps or 4)


def with_request(payload: dict, request: dict | None, is_txt2img: bool = False, **fields: Any) -> dict:
    """Return the payload with another Relight request; None leaves Relight out."""
    scripts = {} if request is None else {"alwayson_scripts": {"Relight": {"args": [request]}}}
    left_out = {"alwayson_scripts", *(("init_images", "denoising_strength") if is_txt2img else ())}
    return {key: value for key, value in payload.items() if key not in left_out} | scripts | fields


def prompt_jobs(host: Any, case: Case, adapter: str) -> dict[str, tuple[Callable, dict]]:
    """Return the jobs with image prompts."""
    lit, unit = case.payload(), {"model": adapter, "image": case.photo}
    light = lit["alwayson_scripts"]["Relight"]["args"][0]["iclight"]
    units = [{**unit, "weight": 0.25 + 0.05 * number} for number in range(4)]
    return {PROMPT: (host.img2img, with_request(lit, {"ip_adapter": units[:1]})),
            "four image prompts": (host.img2img, with_request(lit, {"ip_adapter": units})),
            "fc, one image prompt": (host.img2img, with_request(lit, {"iclight": light, "ip_adapter": units[:1]}))}


def jobs(host: Any, case: Case, has_background: bool, adapter: str | None, has_matting: bool) -> dict[str, Job]:
    """Return each kind of job by name."""
    lit = case.payload()
    light = lit["alwayson_scripts"]["Relight"]["args"][0]["iclight"]
    found = {PLAIN: (host.img2img, with_request(lit, None)), LIGHT: (host.img2img, lit)}
    if has_background:
        background = Image.open(demo.BACKGROUND).convert("RGB")
        on_wall = {**light, "light": "none", "foreground": case.photo, "background": background}
        found["fbc"] = host.txt2img, with_request(lit, {"iclight": on_wall}, is_txt2img=True)
    if adapter:
        found |= prompt_jobs(host, case, adapter)
    directions = {"iclight": {**light, "set": "directions"}}
    found[SET] = host.img2img, with_request(lit, directions)
    found[f"{SET}, batch size 4"] = host.img2img, with_request(lit, directions, batch_size=4)
    found["fc, batch size 4"] = host.img2img, with_request(lit, {"iclight": light}, batch_size=4)
    hires = {"iclight": {**light, "foreground": case.photo}}
    found[HIRES] = host.txt2img, with_request(lit, hires, is_txt2img=True, enable_hr=True, hr_scale=HR_SCALE,
                                              denoising_strength=HR_STRENGTH)
    if has_matting:
        found[CUT_OUT] = host.img2img, with_request(lit, {"iclight": {"light": light["light"], "matting": "auto"}})
    made = {name: lambda run=run, payload=payload: run(payload) for name, (run, payload) in found.items()}
    each = [with_request(lit, {"iclight": {**light, "light": name}}) for name in NAMED_SETS["directions"]]
    return {**made, SEPARATE: partial(run_each, host, each)}


def forget_all(host: Any) -> None:
    """Empty Relight's caches, free its matting models and restore the UNet's own weights."""
    forget(host)
    matting.release()


def run_each(host: Any, payloads: list[dict], are_cold: bool = False) -> None:
    for payload in payloads:
        if are_cold:
            forget_all(host)
        host.img2img(payload)
