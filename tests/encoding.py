"""Images as requests and answers carry them: base64 text."""

import base64
import io

from PIL import Image


def encoded(image: Image.Image, form: str = "PNG", **options) -> str:
    """The image's file as base64. options: those of Pillow's `save`."""
    buffer = io.BytesIO()
    image.save(buffer, form, **options)
    return base64.b64encode(buffer.getvalue()).decode()


def opened(text: str) -> Image.Image:
    """The image of a file as base64, with what the file says of it in `info`."""
    return Image.open(io.BytesIO(base64.b64decode(text)))
