"""Photographs out of scikit-image's wheel, which lies unpacked beside the packages, with mattes of our own; photographs.json
lists them.

Coordinates are pixels of the file. A matte's shapes are {"polygon": [[x, y], ...]} or {"ellipse": [x, y, radius, radius,
degrees]} with its centre first, turned clockwise; `outside` is cut out of `inside`, and `feather` is the standard deviation
of the blur.
"""

from __future__ import annotations

import hashlib
import io
import json
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image, ImageDraw, ImageFilter

from ..embedded_host.cli.job_spec import fit_size
from ..lib_relight.base.errors import RelightError
from .comparison import Case

LIST = Path(__file__).with_suffix(".json")
PACKAGE = "scikit-image==0.25.2"
FOLDER = Path(sys.prefix) / "photographs"
"""Where the environment's own step puts the wheel (devtools/environments.py)."""
NOT_INSTALLED = (f"The photographs of scikit-image are not there, so the astronaut is the only one; add them with: "
                 f'"{sys.executable}" -m pip install --no-deps --target "{FOLDER}" {PACKAGE}')
FINER = 4
"""Mattes are drawn at this many times the size, so that edges have grey levels."""


@dataclass(frozen=True)
class Photograph:
    """An entry of photographs.json. crop: left, top, right, bottom."""

    name: str
    file: str
    sha256: str
    crop: tuple[int, int, int, int]
    prompt: str
    tiny_prompt: str
    inside: list[dict[str, Any]]
    feather: float
    outside: tuple[dict[str, Any], ...] = ()

    def matte(self) -> Image.Image:
        """Return the grey matte, as large as the crop; white is the subject."""
        left, top, right, bottom = self.crop
        canvas = Image.new("L", ((right - left) * FINER, (bottom - top) * FINER))
        draw = ImageDraw.Draw(canvas)
        for shapes, level in ((self.inside, 255), (self.outside, 0)):
            for shape in shapes:
                draw.polygon([tuple(point) for point in (corners(shape) - (left, top)) * FINER], fill=level)
        return canvas.reduce(FINER).filter(ImageFilter.GaussianBlur(self.feather))

    def read(self, folder: Path) -> Image.Image:
        """Return the crop, RGB. Raises RelightError, without a path, where the file is missing, unreadable or has
        another hash."""
        try:
            content = (folder / self.file).read_bytes()
        except OSError as error:
            raise RelightError(f"The photograph {self.file} of scikit-image cannot be read ({error.strerror}) and is left out; "
                               f"install {PACKAGE}.") from error
        if hashlib.sha256(content).hexdigest() != self.sha256:
            raise RelightError(f"The photograph {self.file} of scikit-image is not the one its matte was drawn for "
                               f"and is left out; install {PACKAGE}.")
        return Image.open(io.BytesIO(content)).convert("RGB").crop(self.crop)


def corners(shape: dict[str, Any]) -> np.ndarray:
    """Return a shape's outline, [points, 2]."""
    if "polygon" in shape:
        return np.array(shape["polygon"], np.float64)
    x, y, along, across, degrees = shape["ellipse"]
    turn, angle = np.radians(degrees), np.linspace(0, 2 * np.pi, 360, endpoint=False)
    a, b = along * np.cos(angle), across * np.sin(angle)
    return np.stack([x + a * np.cos(turn) - b * np.sin(turn), y + a * np.sin(turn) + b * np.cos(turn)], axis=1)


def folder() -> Path | None:
    """Return the folder with scikit-image's images, or None where the wheel is missing."""
    place = FOLDER / "skimage" / "data"
    return place if place.is_dir() else None


def listed() -> list[Photograph]:
    return [Photograph(**entry) for entry in json.loads(LIST.read_text("utf-8"))]


def cases(count: int, side: int, tiny: bool) -> tuple[list[Case], list[str]]:
    """Return the first photographs without a light, at most count, and a sentence for each that is left out or for all."""
    found, notes, place = [], [], folder() if count else None
    if count and place is None:
        return [], [NOT_INSTALLED]
    for photograph in listed()[:count]:
        try:
            image = photograph.read(place)
        except RelightError as error:
            notes.append(str(error))
            continue
        found.append(Case(photograph.name, image, photograph.matte(), fit_size(image.size, side),
                          photograph.tiny_prompt if tiny else photograph.prompt, whole=False))
    return found, notes
