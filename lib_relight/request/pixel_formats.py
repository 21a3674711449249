"""Conversion of Pillow images and arrays of any mode to 8-bit RGB and a float alpha channel."""

from __future__ import annotations

import numpy as np
from PIL import Image

ORIENTATION = 0x0112
"""EXIF tag: how a camera was held, 1 to 8."""
HIDDEN = 127
"""Grey level that replaces colors under alpha 0: 0 for the VAE after scaling, and nothing of the hidden color."""
WITH_ALPHA = ("RGBA", "LA", "PA", "La", "RGBa")

Channels = tuple[np.ndarray, np.ndarray | None]


def channels_of(image: Image.Image) -> Channels:
    """Return (rgb uint8 [H, W, 3], alpha float32 [H, W] in 0..1 or None where the image is opaque), upright by EXIF.

    16-bit, 32-bit and float images are scaled to 8 bits. Raises ValueError for modes without a conversion to RGB.
    """
    image.load()
    upright = turn_of(image)
    rgb, alpha = pixels_of(image)
    return opaque_or_clean(upright(rgb), None if alpha is None else upright(alpha))


def channels_of_array(array: np.ndarray) -> Channels:
    """Return the channels of an array [H, W] or [H, W, 1 to 4] of bool, integer or float values, as channels_of does."""
    if array.ndim not in (2, 3) or array.ndim == 3 and not 1 <= array.shape[2] <= 4 or 0 in array.shape:
        raise ValueError(f"an array of the shape {array.shape}, not [height, width] with 1 to 4 channels")
    levels = to_8_bits(array if array.ndim == 3 else array[..., None])
    count = levels.shape[2]
    alpha = levels[..., -1].astype(np.float32) / 255 if count in (2, 4) else None
    rgb = levels[..., :3] if count > 2 else np.repeat(levels[..., :1], 3, axis=2)
    return opaque_or_clean(np.array(rgb), alpha)


def is_cut_out(image: Image.Image) -> bool:
    """Return whether a part of the image is transparent."""
    has_alpha = image.mode in WITH_ALPHA or "transparency" in image.info
    return has_alpha and image.convert("RGBA").getchannel("A").getextrema()[0] < 255


def frame_count(image: Image.Image | np.ndarray) -> int:
    """Return the number of frames of an animation, or of pages of a file. A camera's preview or gain map (MPO) is none."""
    if not isinstance(image, Image.Image) or image.format == "MPO":
        return 1
    try:
        return getattr(image, "n_frames", 1)
    except Exception:  # damaged later frames raise many types; the first is still valid
        return 1


def for_host(image: Image.Image) -> Image.Image:
    """Return an image as the hosts read it rightly: more than 8 bits scaled to 8, which they clip to white, and transparency as
    RGBA, which they ignore in other modes. Other images are returned unchanged."""
    if is_deep(image):
        return Image.fromarray(pixels_of_deep_grey(image)[0])
    if image.mode == "La":
        image = image.convert("LA")
    return image.convert("RGBA") if image.mode != "RGBA" and is_cut_out(image) else image


def is_deep(image: Image.Image) -> bool:
    return image.mode == "F" or image.mode.startswith("I")


def pixels_of(image: Image.Image) -> Channels:
    if is_deep(image):
        return pixels_of_deep_grey(image)
    if image.mode not in WITH_ALPHA and "transparency" not in image.info:
        return np.array(image if image.mode == "RGB" else image.convert("RGB")), None
    if image.mode == "La":
        image = image.convert("LA")
    pixels = np.array(image if image.mode == "RGBA" else image.convert("RGBA"))
    return pixels[..., :3], pixels[..., 3].astype(np.float32) / 255


def pixels_of_deep_grey(image: Image.Image) -> Channels:
    values = np.array(image)
    has_16_bits = image.mode.startswith("I;16") or image.format == "PNG"
    grey = to_8_bits(values.astype(np.uint16) if has_16_bits else values)
    key = image.info.get("transparency")
    alpha = (values != key).astype(np.float32) if isinstance(key, int) else None
    return np.repeat(grey[..., None], 3, axis=2), alpha


def to_8_bits(values: np.ndarray) -> np.ndarray:
    """Scale levels to uint8. Floats up to 1 are shares; wider integers and floats are taken as 8, 16 or 31 bits by their
    largest value, uint16 always as 16. Raises ValueError for values that are not finite."""
    if values.dtype == np.uint8:
        return values
    if values.dtype == bool:
        return values.astype(np.uint8) * 255
    levels = values.astype(np.float64)
    if not np.isfinite(levels).all():
        raise ValueError("values that are not finite numbers")
    return np.rint(levels * (255 / full_scale(values.dtype, float(levels.max())))).clip(0, 255).astype(np.uint8)


def full_scale(dtype: np.dtype, largest: float) -> int:
    if dtype == np.uint16:
        return 65535
    if dtype.kind == "f" and largest <= 1:
        return 1
    return next((limit for limit in (255, 65535) if largest <= limit), 2**31 - 1)


def opaque_or_clean(rgb: np.ndarray, alpha: np.ndarray | None) -> Channels:
    """Drop an alpha channel that is 1 everywhere; replace the colors that another hides completely."""
    if alpha is None or (alpha == 1).all():
        return np.ascontiguousarray(rgb), None
    return np.where((alpha == 0)[..., None], np.uint8(HIDDEN), rgb), np.ascontiguousarray(alpha)


def turn_of(image: Image.Image):
    """Return a function that rotates or mirrors an array [H, W, ...] by the EXIF orientation of a loaded image."""
    try:
        orientation = image.getexif().get(ORIENTATION, 1)
    except Exception:  # damaged EXIF raises many types; the pixels are still valid
        orientation = 1
    return {
        2: lambda a: a[:, ::-1],
        3: lambda a: a[::-1, ::-1],
        4: lambda a: a[::-1],
        5: lambda a: a.swapaxes(0, 1),
        6: lambda a: a.swapaxes(0, 1)[:, ::-1],
        7: lambda a: a[::-1, ::-1].swapaxes(0, 1),
        8: lambda a: a.swapaxes(0, 1)[::-1],
    }.get(orientation, lambda a: a)
