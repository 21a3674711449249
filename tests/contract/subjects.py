"""Small images and requests shared by the contract tests."""

from __future__ import annotations

import numpy as np
from encoding import encoded
from PIL import Image, ImageDraw


def subject(colour=(180, 90, 60), size=(80, 96)) -> Image.Image:
    """A vase-like shape with a vertical ramp on it, cut out by its alpha."""
    ramp = np.linspace(0.4, 1.0, size[1])[:, None, None] * np.array(colour)[None, None]
    image = Image.fromarray(np.broadcast_to(ramp, (size[1], size[0], 3)).astype(np.uint8)).convert("RGBA")
    alpha = Image.new("L", size, 0)
    ImageDraw.Draw(alpha).ellipse((size[0] * .2, size[1] * .15, size[0] * .8, size[1] * .95), fill=255)
    image.putalpha(alpha)
    return image


def scene(size=(64, 64)) -> Image.Image:
    """An opaque image in which every pixel is different."""
    y, x = np.mgrid[0:size[1], 0:size[0]]
    return Image.fromarray(np.stack([x * 255 // size[0], y * 255 // size[1], (x * 7 + y * 13) % 256], -1).astype(np.uint8))


def disc(size=(64, 64)) -> Image.Image:
    """A mask, white in the middle."""
    mask = Image.new("L", size, 0)
    ImageDraw.Draw(mask).ellipse((size[0] * .25, size[1] * .25, size[0] * .75, size[1] * .75), fill=255)
    return mask


FOREGROUND = encoded(subject())
OTHER = encoded(subject((40, 120, 200)))
BACKGROUND = encoded(Image.linear_gradient("L").resize((96, 64)).convert("RGB"))
SCENE, DISC = encoded(scene()), encoded(disc())
WIDE_SCENE, WIDE_DISC = encoded(scene((128, 64))), encoded(disc((128, 64)))


def iclight(**fields) -> dict:
    return {"iclight": fields}


def fc(**fields) -> dict:
    return iclight(foreground=FOREGROUND, **fields)


def fbc(**fields) -> dict:
    return iclight(foreground=FOREGROUND, background=BACKGROUND, **fields)
