"""Inpaint masks: blur, the region they cover, filling what they hide."""

import numpy as np
from PIL import Image, ImageFilter, ImageOps


def blur(mask, sigma_x, sigma_y):
    """Gaussian blur with a standard deviation in pixels for each axis; 0 leaves an axis as it is."""
    array = np.array(mask).astype(np.float64)
    for axis, sigma in ((1, sigma_x), (0, sigma_y)):
        if sigma > 0:
            array = np.rint(_blur_axis(array, sigma, axis))
    return Image.fromarray(array.astype(np.uint8))


def _blur_axis(array, sigma, axis):
    radius = min(int(2.5 * sigma + 0.5), array.shape[axis] - 1)
    offsets = np.arange(-radius, radius + 1)
    kernel = np.exp(-0.5 * (offsets / sigma) ** 2)
    kernel /= kernel.sum()
    padding = [(0, 0)] * array.ndim
    padding[axis] = (radius, radius)
    padded = np.pad(array, padding, mode="reflect")
    size = array.shape[axis]
    return sum(weight * np.take(padded, range(i, i + size), axis=axis) for i, weight in enumerate(kernel))


def get_crop_region_v2(mask, pad=0):
    """(x1, y1, x2, y2) around everything not 0, `pad` pixels wider within the picture; None for an empty mask."""
    mask = mask if isinstance(mask, Image.Image) else Image.fromarray(mask)
    box = mask.getbbox()
    if box is None:
        return None
    x1, y1, x2, y2 = box
    return max(x1 - pad, 0), max(y1 - pad, 0), min(x2 + pad, mask.width), min(y2 + pad, mask.height)


def get_crop_region(mask, pad=0):
    mask = mask if isinstance(mask, Image.Image) else Image.fromarray(mask)
    width, height = mask.size
    return get_crop_region_v2(mask, pad) or (max(width - pad, 0), max(height - pad, 0), min(pad, width), min(pad, height))


def expand_crop_region(crop_region, processing_width, processing_height, image_width, image_height):
    """Grow the region to the processing size's ratio, moved inside the picture where it would stick out."""
    x1, y1, x2, y2 = crop_region
    ratio = processing_width / processing_height
    if (x2 - x1) / (y2 - y1) > ratio:
        y1, y2 = _grown(y1, y2, int((x2 - x1) / ratio - (y2 - y1)), image_height)
    else:
        x1, x2 = _grown(x1, x2, int((y2 - y1) * ratio - (x2 - x1)), image_width)
    return x1, y1, x2, y2


def _grown(low, high, by, limit):
    low, high = low - by // 2, high + by - by // 2
    if high >= limit:
        low, high = low - (high - limit), limit
    if low < 0:
        low, high = 0, high - low
    return low, min(high, limit)


def fill(image, mask):
    """RGB picture whose masked part is painted with ever finer blurs of the rest."""
    result = Image.new("RGBA", image.size)
    visible = Image.new("RGBa", image.size)
    visible.paste(image.convert("RGBA").convert("RGBa"), mask=ImageOps.invert(mask.convert("L")))
    for radius, times in ((256, 1), (64, 1), (16, 2), (4, 4), (2, 2), (0, 1)):
        blurred = visible.filter(ImageFilter.GaussianBlur(radius)).convert("RGBA")
        for _ in range(times):
            result.alpha_composite(blurred)
    return result.convert("RGB")
