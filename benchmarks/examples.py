"""Examples of relighting with a known answer: rendered objects, and folders of published sets."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

from ..lib_iclight.light_kinds import SIDE_ANGLES
from ..lib_relight.base.errors import RelightError
from ..lib_relight.request.images import open_file
from ..training.evaluate import prompt_of
from ..training.rendering import Renders, held_out_scenes, render, to_uint8
from .original import resize_and_crop

PARTS = ("input", "truth", "mask", "normal")
SUFFIXES = (".png", ".jpg", ".jpeg", ".webp")


@dataclass(frozen=True)
class Example:
    """A subject, the light that is asked for, and its image in that light.

    light: fields of `iclight`.  angle: where the light comes from in degrees, 0 = right, 90 = top; None if it has no direction.
    normal: the true normals, float32 [H, W, 3], x right, y up, z to the viewer; None if unknown.
    """

    name: str
    photo: Image.Image
    matte: Image.Image
    truth: Image.Image
    light: dict[str, Any]
    prompt: str = ""
    angle: float | None = None
    normal: np.ndarray | None = None


def image_of(renders: Renders, part: str) -> Image.Image:
    return Image.fromarray(to_uint8(getattr(renders, part))[0])


def rendered(count: int, size: int) -> Iterator[Example]:
    """Yield each held-out object in four lights; the truth is its render in front of its wall, lit from that side."""
    for number, scene in enumerate(held_out_scenes(count)):
        for side, angle in sorted(SIDE_ANGLES.items(), key=lambda item: item[1]):
            images = render([replace(scene, angle=angle)], size)
            matte = Image.fromarray((images.alpha[0, 0].numpy() * 255).round().astype(np.uint8))
            yield Example(f"object {number + 1}", image_of(images, "foreground"), matte, image_of(images, "target"),
                          {"light": side}, prompt_of(scene), angle, images.normal[0].permute(1, 2, 0).numpy())


def from_folder(folder: Path, size: tuple[int, int]) -> Iterator[Example]:
    """Yield an example for each sub-folder with `light.json`, `input` and `truth`, by name; all are cropped to size.

    light.json: {"iclight": fields of docs/API.md, "prompt": words, "angle": degrees}, of which "iclight" is required. Optional
    images are `mask`, white where the subject is, else all of the image, and `normal`, its normal map with green up. Raises
    RelightError.
    """
    places = sorted(path.parent for path in folder.glob("*/light.json"))
    if not places:
        raise RelightError(f"--examples is {folder}, where no sub-folder has a light.json; give each example one beside its "
                           "input and truth.")
    for place in places:
        light = read_light(place / "light.json")
        images = {part: find_image(place, part) for part in PARTS}
        missing = [part for part in ("input", "truth") if images[part] is None]
        if missing:
            raise RelightError(f"{place} has no {missing[0]} image; add {missing[0]}.png.")
        fitted = {part: resize_and_crop(image.convert("RGB"), *size) for part, image in images.items() if image is not None}
        mask = fitted["mask"].convert("L") if "mask" in fitted else Image.new("L", size, 255)
        normal = np.asarray(fitted["normal"], np.float32) / 127.5 - 1 if "normal" in fitted else None
        fields = light["iclight"]
        angle = light.get("angle", SIDE_ANGLES.get(fields.get("light")))
        yield Example(place.name, fitted["input"], mask, fitted["truth"], fields, light.get("prompt", ""), angle, normal)


def read_light(path: Path) -> dict[str, Any]:
    """Read light.json. Raises RelightError."""
    try:
        found = json.loads(path.read_text("utf-8"))
    except (OSError, ValueError) as error:
        raise RelightError(f"{path} cannot be read ({error}); write JSON with `iclight` in it.") from error
    if not isinstance(found, dict) or not isinstance(found.get("iclight"), dict):
        raise RelightError(f"{path} has no object `iclight`; write for example {{\"iclight\": {{\"light\": \"left\"}}}}.")
    return found


def find_image(place: Path, part: str) -> Image.Image | None:
    path = next((place / (part + suffix) for suffix in SUFFIXES if (place / (part + suffix)).is_file()), None)
    return None if path is None else open_file(path, part)
