"""Encodes images as files with their infotext: animated WebP and GIF, 8-bit and 16-bit PNG."""

from __future__ import annotations

import io
import struct
import zlib
from collections.abc import Sequence

import numpy as np
from PIL import Image, PngImagePlugin

from ..base.errors import RelightError
from ..packages import video

EXIF_IFD, USER_COMMENT = 0x8769, 0x9286
PARAMETERS = "parameters"
"""Text entry of a PNG that holds the infotext."""
GREY, RGB = 0, 2
"""Colour types of PNG."""


def encode_animation(frames: Sequence[Image.Image], kind: str, fps: float, loop: bool, infotext: str = "") -> bytes:
    """Return the frames as webp, gif or mp4, `fps` of them a second, played for ever or once (a player's choice for mp4).

    WebP holds the infotext as EXIF user comment, where WebUIs look for it; GIF and MP4 as comment. Raises RelightError for a
    kind that this Python cannot write.
    """
    if kind == "mp4":
        return video.encode_mp4([np.asarray(frame.convert("RGB")) for frame in frames], fps, infotext)
    if kind == "webp" and not can_animate_webp():
        raise RelightError("This Pillow cannot write an animated WebP; choose gif.")
    first, *more = [frame.convert("RGB") for frame in frames]
    options = {"loop": 0 if loop else 1, "quality": 90, "method": 4, "exif": exif_of(infotext)}
    if kind == "gif":
        options = {"disposal": 2, "comment": infotext.encode(), **({"loop": 0} if loop else {})}
    file = io.BytesIO()
    first.save(file, kind, save_all=True, append_images=more, duration=round(1000 / fps), **options)
    return file.getvalue()


def can_animate_webp() -> bool:
    """Pillow 11 and newer no longer list animations as a feature of their own."""
    Image.init()
    return "WEBP" in Image.SAVE_ALL


def exif_of(infotext: str) -> bytes:
    """Return EXIF with the infotext as user comment, b"" without one."""
    if not infotext:
        return b""
    exif = Image.Exif()
    exif[EXIF_IFD] = {USER_COMMENT: b"UNICODE\0" + infotext.encode("utf-16-be")}
    return exif.tobytes()


def encode_png(image: Image.Image, infotext: str = "") -> bytes:
    texts = PngImagePlugin.PngInfo()
    if infotext:
        texts.add_text(PARAMETERS, infotext)
    file = io.BytesIO()
    image.save(file, "PNG", pnginfo=texts)
    return file.getvalue()


def encode_png16(image: np.ndarray, infotext: str = "") -> bytes:
    """Return a PNG of 16 bits a channel, of uint16 [H, W, 3] or grey [H, W]. Format: W3C, PNG, third edition."""
    height, width = image.shape[:2]
    levels = image.astype(">u2").view(np.uint8).reshape(height, -1)
    rows = np.pad(levels, ((0, 0), (1, 0)))  # each row begins with its filter, none
    text = chunk(b"iTXt", PARAMETERS.encode() + b"\0\0\0\0\0" + infotext.encode()) if infotext else b""
    header = struct.pack(">IIBBBBB", width, height, 16, GREY if image.ndim == 2 else RGB, 0, 0, 0)
    return b"".join((b"\x89PNG\r\n\x1a\n", chunk(b"IHDR", header), text, chunk(b"IDAT", zlib.compress(rows.tobytes(), 6)),
                     chunk(b"IEND", b"")))


def chunk(kind: bytes, data: bytes) -> bytes:
    return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))
