"""Resizing, grids and files of images. Needed by: lib_relight tests, embedded_host/api, modules/processing*.

Resizing follows `images.resize_image` of the WebUIs, whose result extensions reproduce.
"""

from __future__ import annotations

import math
import re
from pathlib import Path
from typing import Any

from modules import paths, script_callbacks, shared
from modules.shared import opts
from PIL import Image, PngImagePlugin

from sd_relight.embedded_host.engine import resize

SECTION = "parameters"
"""Text chunk of a PNG that holds the infotext."""
EXIF_IFD, USER_COMMENT = 0x8769, 0x9286
UNICODE = b"UNICODE\0"


def resize_image(resize_mode: int, im: Image.Image, width: int, height: int, upscaler_name: str | None = None) -> Image.Image:
    """Return an RGB image of width by height: mode 0 stretches, 1 covers and crops, 2 fits and extends the edge.

    An L image stays L where nothing is placed, and is never upscaled by a model.
    """
    source = im if im.mode != "RGBA" else im.convert("RGB")
    name = None if source.mode == "L" else upscaler_name or opts.upscaler_for_img2img
    return resize.place(resize_mode, source.size, (width, height), lambda w, h: _resized(source, (w, h), name))


def _resized(image: Image.Image, size: tuple[int, int], upscaler_name: str | None) -> Image.Image:
    scale = max(wanted / own for wanted, own in zip(size, image.size))
    if scale > 1 and upscaler_name not in (None, "None"):
        known = {data.name: data for data in reversed(shared.sd_upscalers)}
        image = known.get(upscaler_name, shared.sd_upscalers[0]).scaler.upscale(image, scale)
    return image if image.size == size else image.resize(size, resample=Image.Resampling.LANCZOS)


def image_grid(imgs: list[Image.Image], batch_size: int = 1) -> Image.Image:
    """Return all images in one, about as many rows as columns; callbacks may change the layout."""
    rows = min(round(len(imgs) ** 0.5), len(imgs))
    layout = script_callbacks.ImageGridLoopParams(imgs, math.ceil(len(imgs) / rows), rows)
    script_callbacks.image_grid_callback(layout)
    width, height = (max(sides) for sides in zip(*(image.size for image in imgs)))
    grid = Image.new("RGB", (layout.cols * width, layout.rows * height), "white")
    for number, image in enumerate(layout.imgs):
        row, column = divmod(number, layout.cols)
        left, top = ((cell - own) // 2 for cell, own in zip((width, height), image.size))
        grid.paste(image, (column * width + left, row * height + top))
    return grid


def save_image(image: Image.Image, path: str, basename: str, seed: int, extension: str, info: str, p: Any) -> str:
    """Save below the host's data folder as [basename-]00000-<seed>.<extension>, with the infotext inside. Returns the file.

    Callbacks may change the file's name, its texts and the image.
    """
    folder = Path(paths.data_path, path)
    folder.mkdir(parents=True, exist_ok=True)
    given = script_callbacks.ImageSaveParams(image, p, str(folder / f"{_next_name(folder, basename, seed)}.{extension}"),
                                             {SECTION: info})
    script_callbacks.before_image_saved_callback(given)  # the name is forced: modules/script_callbacks
    write_image(given.image, given.filename, given.pnginfo)
    image.already_saved_as = given.filename
    script_callbacks.image_saved_callback(given)
    return given.filename


def _next_name(folder: Path, basename: str, seed: int) -> str:
    prefix = f"{basename}-" if basename else ""
    found = (re.match(rf"{re.escape(prefix)}(\d+)", file.name) for file in folder.iterdir())
    number = 1 + max((int(match[1]) for match in found if match), default=-1)
    return f"{prefix}{number:05}-{seed}"


def write_image(image: Image.Image, filename: str, texts: dict[str, str]) -> None:
    """Write an image; texts are chunks of a PNG; JPEG and WebP keep the infotext as EXIF user comment."""
    if filename.lower().endswith(".png"):
        chunks = PngImagePlugin.PngInfo()
        for key, value in texts.items():
            if value is not None:
                chunks.add_text(key, str(value))
        image.save(filename, pnginfo=chunks)
        return
    exif = Image.Exif()
    if texts.get(SECTION):
        exif.get_ifd(EXIF_IFD)[USER_COMMENT] = UNICODE + texts[SECTION].encode("utf-16be")
    image.convert("RGB").save(filename, quality=opts.jpeg_quality, exif=exif)


def read_info_from_image(image: Image.Image) -> tuple[str | None, dict[str, Any]]:
    """Return (infotext or None, every other text and number that the file holds)."""
    items = {key: value for key, value in (image.info or {}).items() if isinstance(value, (str, int, float))}
    infotext = items.pop(SECTION, None)
    comment = image.getexif().get_ifd(EXIF_IFD).get(USER_COMMENT)
    if infotext is None and isinstance(comment, bytes):
        encoding = "utf-16be" if comment.startswith(b"UNICODE") else "utf-8"
        infotext = items["exif comment"] = comment[len(UNICODE):].decode(encoding, errors="ignore")
    return infotext, items
