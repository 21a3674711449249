"""The embedded host as the command line uses it: one model folder, one image after the other."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path

from PIL import Image, PngImagePlugin

from ...lib_relight.base.errors import RelightError
from .job_spec import BAD_WORDS, GOOD_WORDS, RelightJobSpec, join_words, payload_of, uses_img2img
from .progress_bar import ProgressBar

ROOT = Path(__file__).resolve().parents[2]
DEMO_MODELS = ROOT / "models" / "demo"
REAL_SIDE = 512
ADDED = "Relight "
"""Begins the text of an image that Relight adds to the results."""
USER_COMMENT, EXIF_IFD = 0x9286, 0x8769


@dataclass(frozen=True)
class RelitImage:
    """A finished image. seconds: the whole job, matting and decoding included."""

    title: str
    image: Image.Image
    infotext: str
    seconds: float


@dataclass(frozen=True)
class RelitImages:
    """The images of a job, their infotexts, and what a set adds to them by name."""

    images: list[Image.Image]
    infotexts: list[str]
    added: dict[str, Image.Image]
    seconds: float


class Session:
    """One model folder, loaded once, for any number of jobs. Raises RelightError for a folder or device that cannot be used."""

    def __init__(self, models: Path | None = None, device: str = "auto"):
        self.models = (models or DEMO_MODELS).resolve()
        if not self.models.is_dir():
            raise RelightError(f"--models is {self.models}, which is no folder; name the folder that holds the checkpoint.")
        device = pick_device(device)
        from ..host import EmbeddedHost

        self.host = EmbeddedHost(self.models, device=device, extensions=[ROOT], may_install=True)

    @property
    def device(self) -> str:
        from modules import devices

        return str(devices.device)

    def run(self, title: str, spec: RelightJobSpec) -> RelitImage:
        """Run a job for one image with a progress bar on the terminal. Raises what the job raises."""
        result = self.run_set(title, spec)
        return RelitImage(title, result.images[0], result.infotexts[0], result.seconds)

    def run_set(self, title: str, spec: RelightJobSpec) -> RelitImages:
        """Run a job for all images of its set; the host's grid is left out."""
        from modules import shared

        job = self.host.img2img if uses_img2img(spec) else self.host.txt2img
        with ProgressBar(title, shared.state) as bar:
            result = job(payload_of(spec))
        images = list(zip(result.images, result.infotexts, strict=True))[result.index_of_first_image:]
        own = [(image, text) for image, text in images if not text.startswith(ADDED)]
        if not own:
            raise RelightError(f"{title}: the job was stopped before it made an image.")
        added = {text.removeprefix(ADDED): image for image, text in images if text.startswith(ADDED)}
        return RelitImages([image for image, _ in own], [text for _, text in own], added, bar.seconds)


def pick_device(name: str) -> str:
    """"auto" as the best of CUDA, MPS and CPU; other names as they are. Raises RelightError for what torch does not have."""
    import torch

    here = {"cuda": torch.cuda.is_available(), "mps": torch.backends.mps.is_available(), "cpu": True}
    usable = [kind for kind, is_here in here.items() if is_here]
    if name == "auto":
        return usable[0]
    kind, _, number = name.partition(":")
    if kind not in usable or (number and not (number.isdigit() and int(number) < torch.cuda.device_count())):
        raise RelightError(f"--device is {name!r}, which this machine does not have; choose one of auto, {', '.join(usable)}.")
    return name


def read_json(path: Path) -> dict:
    try:
        return json.loads(path.read_text("utf-8"))
    except (OSError, ValueError):
        return {}


def native_side(models: Path) -> int:
    """The image size in pixels that the checkpoint was trained for: from a diffusers folder's config, else 512."""
    return int(read_json(models / "unet" / "config.json").get("sample_size", REAL_SIDE // 8)) * 8


def is_tiny(models: Path) -> bool:
    return read_json(models / "unet" / "config.json").get("block_out_channels", [320])[0] < 320


def defaults(models: Path, prompt: str, negative: str | None = None) -> dict:
    """Return the prompts, steps and sampler for a RelightJobSpec: the original's, or those the tiny models were trained with."""
    if is_tiny(models):
        return {"prompt": prompt, "negative": negative or "", "steps": 12, "sampler": "Euler", "scheduler": "Automatic"}
    return {"prompt": join_words(prompt, GOOD_WORDS), "negative": BAD_WORDS if negative is None else negative, "steps": 25}


def describe_models(models: Path) -> str:
    """One line that says plainly what these models are worth."""
    if read_json(models / "model_index.json").get("_relight") == "random":
        return f"{models}: RANDOM weights. Every step runs as with real ones, the images are noise."
    if is_tiny(models):
        return (f"{models}: tiny networks that were trained on rendered clay objects, {native_side(models)} px. They show where "
                "the light goes, not the quality of real models; for that give real ones with --models DIR.")
    return str(models)


def save_image(image: Image.Image, path: Path, infotext: str = "") -> None:
    """Writes the image with its infotext where WebUIs look for it: PNG text, or EXIF UserComment in JPEG and WebP."""
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        if path.suffix.lower() == ".png":
            texts = PngImagePlugin.PngInfo()
            if infotext:
                texts.add_text("parameters", infotext)
            image.save(path, pnginfo=texts)
            return
        exif = Image.Exif()
        if infotext:
            exif[EXIF_IFD] = {USER_COMMENT: b"UNICODE\0" + infotext.encode("utf-16-be")}
        image.convert("RGB").save(path, exif=exif, quality=95)
    except (OSError, ValueError) as error:
        raise RelightError(f"{path} could not be written ({error}); choose another folder, and .png or .jpg.") from error
