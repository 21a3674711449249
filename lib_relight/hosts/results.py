"""Adds images and files to a job's results: beside its saved images, in the page's gallery and in the API's answer."""

from __future__ import annotations

import os
import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from PIL import Image

from ..base.log import logger
from .types import Processing

DISPLAYED = ("png", "webp", "gif")
"""Suffixes of files that a page shows as images."""


@dataclass(frozen=True)
class Added:
    """An image for the results, and its file.

    data, suffix: of the file; None where only the image is returned.  beside: path of the saved image beside which the file is
    written; None where the host saves none.
    """

    name: str
    image: Image.Image
    data: bytes | None = None
    suffix: str = "png"
    beside: str | None = None


class FileImage(Image.Image):
    """An image whose file is given: saving it in any format writes those bytes, so that the host's API answers with them.

    Its own pixels are RGB, because hosts convert an image with transparency to a new one before they save it as JPEG.
    """

    def __init__(self, image: Image.Image, data: bytes, suffix: str):
        super().__init__()
        vars(self).update(vars(image.convert("RGB")), data=data, suffix=suffix)

    def save(self, fp: Any, *args: Any, **kwargs: Any) -> None:
        if isinstance(fp, (str, os.PathLike)):
            Path(fp).write_bytes(self.data)
        else:
            fp.write(self.data)


def add(p: Processing, processed: Any, added: Added, text: str) -> None:
    """Append an image to Processed and write its file. text: the image's infotext.

    The page's gallery links to the file of an image that is `already_saved_as` one. It cannot show videos and EXR: there the
    image stands for the file, and its infotext and the messages name it.
    """
    image, path = added.image.copy(), None
    is_displayed = added.suffix in DISPLAYED
    if added.data is not None:
        path = write(added) if added.beside or not (p.is_api or is_displayed) else None
        if p.is_api or is_displayed:
            image = FileImage(image, added.data, added.suffix)
    if path is not None and not is_displayed:
        text = f"{text}: {path}"
        logger.info(text)
        if not p.is_api:
            processed.comments = f"{getattr(processed, 'comments', '')}{text}\n"
    if path is not None and is_displayed:
        image.already_saved_as = str(path)
    if path is None and not p.is_api:
        make_temp_folder()
    image.info["parameters"] = text
    processed.images.append(image)
    processed.infotexts.append(text)


def make_temp_folder() -> None:
    """Create the host's folder for images without a file; Forge Neo's page expects it and does not make it."""
    from modules import shared

    if folder := getattr(shared.opts, "temp_dir", ""):
        Path(folder).mkdir(parents=True, exist_ok=True)


def write(added: Added) -> Path:
    """Write the file under the name of the image beside it, or to the temporary folder; no half file has its name."""
    stem, folder = added.name.replace(" ", "-"), Path(tempfile.gettempdir())
    if added.beside:
        folder, stem = Path(added.beside).parent, f"{Path(added.beside).stem}-{stem}"
    path, number = folder / f"{stem}.{added.suffix}", 1
    while path.exists():
        path, number = folder / f"{stem}-{number}.{added.suffix}", number + 1
    unfinished = path.with_name(f".{path.name}.unfinished")
    try:
        unfinished.write_bytes(added.data)
        os.replace(unfinished, path)
    finally:
        unfinished.unlink(missing_ok=True)
    return path
