"""Pictures to and from base64."""

from __future__ import annotations

import base64
import io

from fastapi.exceptions import HTTPException
from PIL import Image, ImageOps, PngImagePlugin


def decode_base64_to_image(encoding):
    """A picture from base64 or a data URI, turned as its EXIF says. Raises HTTPException(500); links are refused."""
    if encoding.startswith(("http://", "https://")):
        raise HTTPException(status_code=500, detail="Requests not allowed")
    if encoding.startswith("data:image/"):
        encoding = encoding.partition(",")[2]
    try:
        image = Image.open(io.BytesIO(base64.b64decode(encoding)))
        image.load()
        return ImageOps.exif_transpose(image)
    except Exception as error:
        raise HTTPException(status_code=500, detail="Invalid encoded image") from error


def encode_pil_to_base64(image):
    """PNG as base64 bytes, with the picture's text entries (infotext). A str is taken as encoded already."""
    if isinstance(image, str):
        return image
    texts = PngImagePlugin.PngInfo()
    for key, value in image.info.items():
        if isinstance(key, str) and isinstance(value, str):
            texts.add_text(key, value)
    with io.BytesIO() as buffer:
        image.save(buffer, format="PNG", pnginfo=texts)
        return base64.b64encode(buffer.getvalue())
