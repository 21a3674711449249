"""Runs the same job with Relight and with the original's written-out pipeline, and measures how far the two are apart."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from PIL import Image
from torch import Tensor

from ..lib_iclight.keymap import unet_key_map
from ..lib_relight.base import caches
from .measures import psnr, to_tensor
from .original import Original, cut_on_grey, gradient, resize_and_crop
from .resources import Memory, memory, reset_peak, wait_for

LIMITS = {"condition": 1e-4, "start": 1e-4, "noise levels": 1e-4, "text": 1e-3, "weights": 1e-3, "prediction": 1e-3}
"""Largest relative error of each part that counts as equal; sampling in place of the mode or 127.5 for 127 is far above."""
LEAST_PSNR = 40.0
STRENGTH = 0.9
"""Denoising strength of the demos' first pass from a light map."""


@dataclass(frozen=True)
class Case:
    """One image to make in both ways. side: of the light, or None with a background; whole: the original's image as well as
    its first step."""

    name: str
    photo: Image.Image
    matte: Image.Image
    size: tuple[int, int]
    prompt: str
    side: str | None = None
    background: Image.Image | None = None
    negative: str = ""
    seed: int = 12345
    steps: int = 8
    cfg: float = 2.0
    whole: bool = True

    @property
    def strength(self) -> float:
        return STRENGTH if self.background is None else 1.0

    def payload(self) -> dict[str, Any]:
        fields = {"mask": self.matte, "matting": "mask", "light": self.side or "none"}
        if self.background is None:
            start = {"init_images": [self.photo], "denoising_strength": self.strength}
        else:
            start, fields = {}, {**fields, "foreground": self.photo, "background": self.background}
        return {"prompt": self.prompt, "negative_prompt": self.negative, "seed": self.seed, "steps": self.steps,
                "cfg_scale": self.cfg, "width": self.size[0], "height": self.size[1], "sampler_name": "Euler",
                "scheduler": "Uniform", **start,
                "alwayson_scripts": {"Relight": {"args": [{"iclight": fields}]}}}


@dataclass
class Recording:
    """What the first call of the UNet read and gave; sigmas: of all calls. Rows: negative prompt, prompt."""

    x: Tensor | None = None
    text: Tensor | None = None
    condition: Tensor | None = None
    prediction: Tensor | None = None
    weights: dict[str, Tensor] | None = None
    sigmas: tuple[float, ...] = ()


@contextmanager
def recorded(denoiser: Any) -> Iterator[Recording]:
    """Record the calls of the embedded host's UNet."""
    found, apply_model = Recording(), denoiser.apply_model

    def record(x: Tensor, t: Tensor, c_crossattn: Tensor, c_concat: Tensor | None = None, **others: Any) -> Tensor:
        denoised = apply_model(x, t, c_crossattn=c_crossattn, c_concat=c_concat, **others)
        if not found.sigmas:
            found.x, found.text, found.condition = x.clone(), c_crossattn.clone(), c_concat
            found.prediction = (x - denoised) / t.view(-1, 1, 1, 1)
            found.weights = {key: value.clone() for key, value in denoiser.diffusion_model.state_dict().items()}
        found.sigmas += (float(t[0]),)
        return denoised

    denoiser.apply_model = record
    try:
        yield found
    finally:
        del denoiser.apply_model


def forget(host: Any) -> None:
    """Empty Relight's caches and put the UNet's own weights back."""
    for group in caches.groups.values():
        for cache in group:
            cache.clear()
    host.model.forge_objects_original.unet.load()


def relative_error(ours: Tensor | None, reference: Tensor) -> float:
    """Return the distance over the reference's length; infinite for another shape or none at all."""
    if ours is None or ours.shape != reference.shape:
        return float("inf")
    return float((ours.to(reference) - reference).norm() / reference.norm().clamp_min(1e-12))


def worst_weight(ours: dict[str, Tensor], reference: dict[str, Tensor], offsets: dict[str, Tensor]) -> float:
    """Return the largest error of a merged weight, relative to the length of its offset, beyond its dtype's rounding."""
    names = {key: key if key in ours else unet_key_map()[key] for key in reference}
    errors = [0.0]
    for key, value in reference.items():
        found = ours[names[key]]
        if found.shape != value.shape:
            return float("inf")
        rounding = max(1e-6, torch.finfo(value.dtype).eps) * float(value.norm())
        errors.append(max(0.0, float((found - value).norm()) - rounding) / max(float(offsets[key].norm()), 1e-12))
    return max(errors)


class Comparison:
    """Both ways on one loaded host. files: IC-Light file for each kind, fc and fbc."""

    def __init__(self, host: Any, files: dict[str, Path]):
        self.host, self.files = host, files
        self.original = Original(host.model)
        self.merged: dict[str, tuple[Any, dict[str, Tensor]]] = {}

    def inputs(self, case: Case) -> tuple[Tensor, Tensor | None]:
        """Return the original's condition and the latent of its light map, None with a background."""
        encode, size = self.original.encode, case.size
        condition = encode(resize_and_crop(cut_on_grey(case.photo, case.matte), *size))
        if case.background is None:
            return condition, encode(gradient(case.side, *size))
        return torch.cat([condition, encode(resize_and_crop(case.background.convert("RGB"), *size))], dim=1), None

    def relit(self, case: Case) -> tuple[Image.Image, Recording, dict[str, float]]:
        """Run Relight from empty caches."""
        forget(self.host)
        device, job = str(self.original.device), self.host.img2img if case.background is None else self.host.txt2img
        reset_peak(device)
        began = time.perf_counter()
        with recorded(self.host.model.forge_objects_original.unet.model) as found:
            image = job(case.payload()).images[0]
        wait_for(self.original.device)
        return image, found, {"seconds": time.perf_counter() - began, **shown(memory(device))}

    def run(self, case: Case) -> tuple[dict[str, Any], dict[str, Image.Image]]:
        """Return the figures and both images; the original's only where the case is compared whole."""
        kind = "fc" if case.background is None else "fbc"
        if kind not in self.merged:
            self.merged = {kind: self.original.merged(self.files[kind])}
        unet, offsets = self.merged[kind]
        image, found, cost = self.relit(case)
        began = time.perf_counter()
        condition, light = self.inputs(case)
        sigmas = self.original.sigmas(case.steps, case.strength)
        texts = self.original.tokens(case.prompt), self.original.tokens(case.negative)
        x = self.original.start(light, case.seed, condition[:, :4].shape, sigmas[0])
        levels = torch.tensor(found.sigmas)
        figures = {
            "condition": relative_error(None if found.condition is None else found.condition[:1], condition),
            "start": relative_error(found.x[:1], x), "noise levels": relative_error(levels, sigmas[:-1]),
            "text": relative_error(found.text, torch.cat(texts[::-1])),
            "weights": worst_weight(found.weights, unet.state_dict(), offsets),
            "prediction": relative_error(found.prediction, self.original.predict(
                unet, x.repeat(2, 1, 1, 1), sigmas[0], torch.cat(texts[::-1]), condition)),
        }
        images = {"Relight": image}
        if case.whole:
            images["original"] = self.original.decode(self.original.sample(unet, x, sigmas, texts, condition, case.cfg))
            cost["seconds, original"] = time.perf_counter() - began
            figures["PSNR, dB"] = psnr(to_tensor(image), to_tensor(images["original"]))
        return {**figures, **cost, "differs": different(figures)}, images


def shown(found: Memory) -> dict[str, float]:
    """Return the peaks that are known, under the names of the report."""
    named = {"peak RAM, MB": found.peak_ram, "peak VRAM, MB": found.peak_vram}
    return {name: value for name, value in named.items() if value is not None}


def different(figures: dict[str, float]) -> list[str]:
    """Return the parts that are not equal."""
    parts = [name for name, limit in LIMITS.items() if not figures[name] <= limit]
    return parts + ["image"] * (figures.get("PSNR, dB", LEAST_PSNR) < LEAST_PSNR)
