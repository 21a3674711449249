"""Pictures as they reach us (base64 from the API, arrays and PIL images from the panel), decoded and checked."""

from __future__ import annotations

import base64
import binascii
import io
from pathlib import Path

import numpy as np
from PIL import Image, ImageOps, UnidentifiedImageError

from ..base.errors import RelightError

MIN_SIDE, MAX_SIDE = 16, 16384


def decode_image(value, what: str) -> Image.Image:
    """PIL image with EXIF orientation applied, from base64 (with or without `data:` prefix), PIL, an array or a panel dict.

    what names the field in the message. Raises RelightError for anything else and for sizes out of 16..16384 pixels.
    """
    if isinstance(value, dict):
        value = value.get("image") or value.get("composite") or value.get("background")
    if isinstance(value, np.ndarray):
        value = Image.fromarray(value)
    elif isinstance(value, (str, bytes)):
        value = open_bytes(decode_base64(value, what) if isinstance(value, str) else value, what)
    if not isinstance(value, Image.Image):
        raise RelightError(f"`{what}` is {type(value).__name__}; send one picture as base64-encoded PNG, JPEG or WebP.")
    check_size(value, what)
    try:
        value.load()
        return ImageOps.exif_transpose(value) or value
    except (OSError, SyntaxError, ValueError) as error:
        raise RelightError(f"`{what}` could not be decoded ({error}); send an undamaged PNG, JPEG or WebP.") from error


def decode_base64(text: str, what: str) -> bytes:
    if text.startswith(("http://", "https://", "file:")):
        raise RelightError(f"`{what}` is an address; Relight loads no addresses, send the picture itself as base64.")
    body = text.split(",", 1)[1] if text.startswith("data:") and "," in text else text
    try:
        return base64.b64decode("".join(body.split()), validate=True)
    except (binascii.Error, ValueError) as error:
        raise RelightError(f"`{what}` is not valid base64 ({error}); send the picture's bytes encoded as base64.") from error


def open_bytes(data: bytes, what: str) -> Image.Image:
    try:
        return Image.open(io.BytesIO(data))
    except Image.DecompressionBombError as error:
        raise RelightError(f"`{what}` has too many pixels ({error}); scale it to at most {MAX_SIDE} pixels a side.") from error
    except (UnidentifiedImageError, OSError, SyntaxError, ValueError) as error:
        raise RelightError(f"`{what}` is no picture that can be read ({len(data)} bytes); send a PNG, JPEG or WebP.") from error


def check_size(image: Image.Image, what: str) -> None:
    width, height = image.size
    if min(width, height) < MIN_SIDE:
        raise RelightError(f"`{what}` is {width}x{height} pixels; it must have at least {MIN_SIDE} pixels a side.")
    if max(width, height) > MAX_SIDE:
        raise RelightError(f"`{what}` is {width}x{height} pixels; scale it to at most {MAX_SIDE} pixels a side.")


def open_file(path: Path, what: str) -> Image.Image:
    """A picture from disk, with the same checks and sentences as one from the API."""
    if not path.is_file():
        raise RelightError(f"`{what}`: there is no file {path}; check the path.")
    return decode_image(path.read_bytes(), what)


def is_given(value) -> bool:
    """False for None and for the empty forms that panels and clients send for 'no picture'."""
    if isinstance(value, dict):
        return any(is_given(part) for part in value.values())
    return value is not None and not (isinstance(value, (str, bytes)) and not value)
