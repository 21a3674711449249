"""Prepares IC-Light's foreground: composites the subject on neutral grey and resizes images and mattes."""

from __future__ import annotations

import numpy as np
from PIL import Image

from .errors import IcLightError

GREY = 127
MODES = ("cover", "stretch", "contain")
LARGE = 1 << 26  # pixels of the resized image above which only its crop is computed


def grey_composite(rgb: np.ndarray, alpha: np.ndarray | None) -> np.ndarray:
    """Composite a subject on grey 127. rgb: uint8 [H, W, 3]; alpha: float32 [H, W] in 0..1, None for opaque.

    Returns uint8 [H, W, 3] = 127 + (rgb - 127) * alpha, clipped and truncated, as run_rmbg of IC-Light's
    gradio_demo.py does with sigma 0; alpha 0 gives exactly 127, which is exactly 0 for the VAE.
    """
    if alpha is None:
        return rgb.copy()
    grey = GREY + (rgb.astype(np.float32) - GREY) * alpha.astype(np.float32)[..., None]
    return grey.clip(0, 255).astype(np.uint8)


def fit(array: np.ndarray, width: int, height: int, mode: str = "cover") -> np.ndarray:
    """Resize an image or a matte to width x height pixels with Lanczos.

    array: uint8 [H, W, 3] or [H, W], or a float32 matte [H, W] in 0..1. A float matte is resized in PIL's "F" mode:
    8-bit "L" would round a soft edge a second time; the filter's overshoot is clipped back to 0..1.
    mode: cover = resize_and_center_crop of IC-Light (the larger scale, int(round()), centred float box); stretch =
    no crop; contain = the smaller scale, centred, border 127 for rgb and 0 for a matte. Other modes raise IcLightError.
    """
    if mode not in MODES:
        raise IcLightError(f"Resize mode {mode!r} is unknown; choose one of {', '.join(MODES)}.")
    image = Image.fromarray(np.ascontiguousarray(array))
    if mode == "cover":
        fitted = np.array(cover(image, width, height))
    elif mode == "stretch":
        fitted = np.array(image.resize((width, height), Image.LANCZOS))
    else:
        fitted = contain(image, width, height)
    return fitted.clip(0, 1) if array.dtype.kind == "f" else fitted


def cover(image: Image.Image, width: int, height: int) -> Image.Image:
    scale = max(width / image.width, height / image.height)
    full = round(image.width * scale), round(image.height * scale)
    left, top = round((full[0] - width) / 2), round((full[1] - height) / 2)
    if full[0] * full[1] > LARGE:
        box = left / scale, top / scale, (left + width) / scale, (top + height) / scale
        box = box[0], box[1], min(box[2], image.width), min(box[3], image.height)
        return image.resize((width, height), Image.LANCZOS, box=box)
    return image.resize(full, Image.LANCZOS).crop((left, top, left + width, top + height))


def contain(image: Image.Image, width: int, height: int) -> np.ndarray:
    scale = min(width / image.width, height / image.height)
    size = max(1, round(image.width * scale)), max(1, round(image.height * scale))
    inner = np.array(image.resize(size, Image.LANCZOS))
    fill = GREY if inner.ndim == 3 else 0
    canvas = np.full((height, width, *inner.shape[2:]), fill, inner.dtype)
    top, left = (height - size[1]) // 2, (width - size[0]) // 2
    canvas[top:top + size[1], left:left + size[0]] = inner
    return canvas


def reinforce(light: np.ndarray, rgb: np.ndarray, alpha: np.ndarray | None, strength: float) -> np.ndarray:
    """Paste the subject onto the light map with its soft matte: light * (1 - a*s) + rgb * (a*s), rounded.

    light, rgb: uint8 [H, W, 3]; alpha: float32 [H, W] in 0..1, or None for 1 everywhere; strength: 0..1.
    Strength 0, and alpha 0 at any strength, leave the light map as it is. Returns uint8 [H, W, 3].
    """
    return blend(light, rgb, alpha, strength)


def blend(below: np.ndarray, above: np.ndarray, alpha: np.ndarray | None, amount: float = 1.0) -> np.ndarray:
    """Return below * (1 - alpha*amount) + above * (alpha*amount), rounded: uint8 [H, W, 3] images, alpha as in reinforce."""
    weight = np.float32(amount) if alpha is None else alpha.astype(np.float32)[..., None] * np.float32(amount)
    mixed = below.astype(np.float32) * (1 - weight) + above.astype(np.float32) * weight
    return np.rint(mixed).clip(0, 255).astype(np.uint8)
