"""What the command line asks of the script: API payloads, made from a photograph and a few words."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from PIL import Image

SAMPLER, SCHEDULER = "DPM++ 2M SDE", "Karras"
GOOD_WORDS = "best quality"
BAD_WORDS = "lowres, bad anatomy, bad hands, cropped, worst quality"
HIRES_DENOISE = 0.5
GRID = 64


@dataclass(frozen=True)
class RelightJobSpec:
    """One image to make. size: width and height of the first pass; hires: factor of a second pass, or None.

    more: further fields of `iclight`, such as {"detail": 0.5}; they win over those made from the rest.
    """

    photo: Image.Image
    size: tuple[int, int]
    light: str = "none"
    background: Image.Image | None = None
    mask: Image.Image | None = None
    prompt: str = ""
    negative: str = ""
    seed: int = 12345
    steps: int = 25
    cfg: float = 2.0
    denoise: float = 0.95
    hires: float | None = None
    sampler: str = SAMPLER
    scheduler: str = SCHEDULER
    more: Mapping = field(default_factory=dict)


def fit_size(photo: tuple[int, int], side: int) -> tuple[int, int]:
    """Width and height with the photo's shape, its shorter side `side` pixels, both multiples of 64, at most 1:2."""
    shorter = min(photo)
    scale = side / shorter
    return tuple(min(max(round(length * scale / GRID) * GRID, GRID), 2 * side) for length in photo)


def join_words(*parts: str) -> str:
    return ", ".join(part.strip(" ,") for part in parts if part.strip(" ,"))


def parse_size(text: str) -> tuple[int, int]:
    """"512x640" -> (512, 640). Raises ValueError with a sentence."""
    parts = text.lower().split("x")
    if len(parts) != 2 or not all(part.isdigit() and int(part) % 8 == 0 and 64 <= int(part) <= 4096 for part in parts):
        raise ValueError(f"--size is {text!r}; write WIDTHxHEIGHT, multiples of 8 from 64 to 4096, for example 512x640.")
    return int(parts[0]), int(parts[1])


def uses_img2img(spec: RelightJobSpec) -> bool:
    """A light alone rewrites the init latent, as the original does; backgrounds and hires are the host's txt2img."""
    return spec.light != "none" and spec.background is None and not spec.hires


def fields_of(spec: RelightJobSpec) -> dict:
    """The `iclight` object."""
    images = {"background": spec.background, "mask": spec.mask}
    fields = {"light": spec.light, **{name: image for name, image in images.items() if image is not None}}
    if spec.mask is not None:
        fields["matting"] = "mask"
    if not uses_img2img(spec):
        fields["foreground"] = spec.photo
    return {**fields, **spec.more}


def payload_of(spec: RelightJobSpec) -> dict:
    """The whole payload, for /sdapi/v1/img2img or txt2img as `uses_img2img` says."""
    payload = {
        "prompt": spec.prompt, "negative_prompt": spec.negative, "seed": spec.seed, "steps": spec.steps, "cfg_scale": spec.cfg,
        "width": spec.size[0], "height": spec.size[1], "sampler_name": spec.sampler, "scheduler": spec.scheduler,
        "alwayson_scripts": {"Relight": {"args": [{"iclight": fields_of(spec)}]}},
    }
    if uses_img2img(spec):
        payload |= {"init_images": [spec.photo], "resize_mode": 1, "denoising_strength": spec.denoise}
    if spec.hires:
        payload |= {"enable_hr": True, "hr_scale": spec.hires, "hr_upscaler": "Lanczos", "denoising_strength": HIRES_DENOISE,
                    "hr_second_pass_steps": 0, "hr_cfg": spec.cfg}
    return payload
