"""Masks as an image editor gives them, and the original picture laid over the result."""

from PIL import Image

from modules import images


def create_binary_mask(image, round=True):
    """L mask of a picture: its alpha where it has one (above 128 is 255, or as it is), else its luminance."""
    if image.mode == "RGBA" and image.getextrema()[-1] != (255, 255):
        alpha = image.split()[-1]
        return alpha.point(lambda value: 255 if value > 128 else 0) if round else alpha
    return image.convert("L")


def uncrop(image, dest_size, paste_loc):
    """RGBA picture of dest_size with the result at paste_loc = (x, y, width, height)."""
    x, y, width, height = paste_loc
    base = Image.new("RGBA", dest_size)
    base.paste(images.resize_image(1, image, width, height), (x, y))
    return base


def apply_overlay(image, paste_loc, overlay):
    """(the result with the original laid over it, the result without)."""
    if overlay is None:
        return image, image.copy()
    if paste_loc is not None:
        image = uncrop(image, overlay.size, paste_loc)
    denoised = image.copy()
    image = image.convert("RGBA")
    image.alpha_composite(overlay)
    return image.convert("RGB"), denoised
