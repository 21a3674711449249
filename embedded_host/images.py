"""Images of a request as PIL, and finished images as base64."""

from __future__ import annotations

import base64
import io

from PIL import Image, ImageOps, PngImagePlugin

from ..lib_relight.request.images import check_size, decode_base64, open_bytes
from ..lib_relight.request.pixel_formats import ORIENTATION
from .errors import HostError


def decode_image(value: object, name: str) -> Image.Image:
    """Return a PIL image unchanged, base64 (with or without `data:...,`) decoded and turned as its EXIF says.

    name: the request's field, for messages. Raises HostError or RelightError for URLs, other file formats, damaged files and
    sizes outside of the limits.
    """
    if isinstance(value, Image.Image):
        return value
    if not isinstance(value, str):
        raise HostError(f"`{name}` is {type(value).__name__}; send an image as base64-encoded PNG, JPEG or WebP.")
    image = open_bytes(decode_base64(value, name), name)
    check_size(*image.size, name)
    try:
        image.load()
        return ImageOps.exif_transpose(image) if image.getexif().get(ORIENTATION, 1) != 1 else image
    except Exception as error:  # Pillow's decoders raise many types for damaged files
        raise HostError(f"`{name}` could not be decoded ({str(error)[:120] or type(error).__name__}); send an undamaged "
                        "PNG, JPEG or WebP.") from error


def encode_image(image: Image.Image) -> str:
    """Return an image as base64-encoded PNG with its text entries, of which one is the infotext."""
    texts = PngImagePlugin.PngInfo()
    for name in filter(lambda name: isinstance(image.info[name], str), image.info):
        texts.add_text(str(name), image.info[name])
    with io.BytesIO() as file:
        image.save(file, "PNG", pnginfo=texts)
        return base64.b64encode(file.getvalue()).decode("ascii")
