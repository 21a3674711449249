"""Inpaint masks: from an uploaded image to a blurred mask, the region it covers, what is put below and over it."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from PIL import Image, ImageFilter, ImageOps

OPAQUE = (255, 255)
FILL_BLURS = ((256, 1), (64, 1), (16, 2), (4, 4), (2, 2), (0, 1))
"""Radius in pixels, times: ever finer blurs of what the mask leaves visible."""


class Region(NamedTuple):
    """Pixels of the init image: left and top inside, right and bottom outside the region."""

    left: int
    top: int
    right: int
    bottom: int

    @property
    def placement(self) -> tuple[int, int, int, int]:
        """(x, y, width, height)."""
        return self.left, self.top, self.right - self.left, self.bottom - self.top


def mask_from_image(image: Image.Image, rounded: bool = True) -> Image.Image:
    """Return an L mask: the alpha where the image has one (rounded: above 128 is 255, else 0), else the luminance."""
    alpha = image.getchannel("A") if image.mode == "RGBA" else None
    if alpha is None or alpha.getextrema() == OPAQUE:
        return image.convert("L")
    return alpha.point(lambda level: 255 * (level > 128)) if rounded else alpha


def blur(mask: Image.Image, sigma_x: float, sigma_y: float) -> Image.Image:
    """Blur with a Gaussian; a standard deviation in pixels for each axis, 0 leaves an axis as it is."""
    array = np.asarray(mask, np.float64)
    for axis, sigma in ((1, sigma_x), (0, sigma_y)):
        if sigma > 0:
            array = np.rint(_blur_axis(array, sigma, axis))
    return Image.fromarray(array.astype(np.uint8))


def _blur_axis(array: np.ndarray, sigma: float, axis: int) -> np.ndarray:
    size = array.shape[axis]
    radius = min(int(2.5 * sigma + 0.5), size - 1)
    kernel = np.exp(-0.5 * (np.arange(-radius, radius + 1) / sigma) ** 2)
    kernel /= kernel.sum()
    padding = [(radius, radius) if index == axis else (0, 0) for index in range(array.ndim)]
    padded = np.pad(array, padding, mode="reflect")
    return sum(weight * np.take(padded, range(start, start + size), axis=axis) for start, weight in enumerate(kernel))


def covered_region(mask: Image.Image, padding: int = 0) -> Region | None:
    """Return the region around everything that is not 0, `padding` pixels wider within the image; None for an empty mask."""
    box = mask.getbbox()
    if box is None:
        return None
    left, top, right, bottom = box
    return Region(max(left - padding, 0), max(top - padding, 0),
                  min(right + padding, mask.width), min(bottom + padding, mask.height))


def grow_to_ratio(region: Region, size: tuple[int, int], image_size: tuple[int, int]) -> Region:
    """Grow the region to the ratio of a (width, height), moved inside the image where it would stick out."""
    left, top, right, bottom = region
    width, height = right - left, bottom - top
    ratio = size[0] / size[1]
    if width / height > ratio:
        top, bottom = _grown(top, bottom, int(width / ratio - height), image_size[1])
    else:
        left, right = _grown(left, right, int(height * ratio - width), image_size[0])
    return Region(left, top, right, bottom)


def _grown(low: int, high: int, by: int, limit: int) -> tuple[int, int]:
    low, high = low - by // 2, high + by - by // 2
    if high >= limit:
        low, high = low - (high - limit), limit
    if low < 0:
        low, high = 0, high - low
    return low, min(high, limit)


def doubled(mask: Image.Image) -> Image.Image:
    """Return the mask with its soft edge made half as wide: what is laid over the result must not show through."""
    levels = np.asarray(mask, np.float32) * 2
    return Image.fromarray(levels.clip(0, 255).astype(np.uint8))


def visible_part(image: Image.Image, mask: Image.Image) -> Image.Image:
    """Return the image where the mask is 0, premultiplied (RGBa), transparent elsewhere."""
    visible = Image.new("RGBa", image.size)
    visible.paste(image.convert("RGBA").convert("RGBa"), mask=ImageOps.invert(mask.convert("L")))
    return visible


def fill(image: Image.Image, mask: Image.Image) -> Image.Image:
    """Return an RGB image whose masked part is painted with ever finer blurs of the rest."""
    visible, result = visible_part(image, mask), Image.new("RGBA", image.size)
    for radius, times in FILL_BLURS:
        layer = visible.filter(ImageFilter.GaussianBlur(radius)).convert("RGBA")
        for _ in range(times):
            result.alpha_composite(layer)
    return result.convert("RGB")


def lay_over(result: Image.Image, overlay: Image.Image) -> Image.Image:
    """Return the RGB result with the kept part of the init image (RGBA, of the same size) over it."""
    return Image.alpha_composite(result.convert(overlay.mode), overlay).convert("RGB")


def latent_mask(mask: Image.Image, width: int, height: int, rounded: bool) -> np.ndarray:
    """Return float32 [height, width] in latent pixels, 1 where the latent is repainted. rounded: 0 or 1 only."""
    levels = np.asarray(mask.convert("L").resize((width, height)), np.float32) / 255
    return np.around(levels) if rounded else levels
