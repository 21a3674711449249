"""Resizing as the WebUIs do it: stretch, cover and crop, or fit and extend the border."""

from __future__ import annotations

from collections.abc import Callable

from PIL import Image

STRETCH, COVER, FIT = range(3)
WITH_ALPHA = ("LA", "PA", "RGBa")
Resizer = Callable[[int, int], Image.Image]


def place(mode: int, size: tuple[int, int], target: tuple[int, int], resize: Resizer) -> Image.Image:
    """Return an RGB image of the target size.

    size, target: (width, height); resize: makes the image of a given width and height. Mode 1 covers the target and crops
    the overhang, mode 2 fits into it and stretches its edge over the rest, every other mode ignores the ratio.
    """
    if mode not in (COVER, FIT):
        return resize(*target)
    inner = resize(*inner_size(size, target, cover=mode == COVER))
    left, top = (outside // 2 - inside // 2 for outside, inside in zip(target, inner.size))
    canvas = Image.new("RGB", target)
    canvas.paste(inner, (left, top))
    if mode == FIT:
        extend_edges(canvas, inner, left, top)
    return canvas


def inner_size(size: tuple[int, int], target: tuple[int, int], cover: bool) -> tuple[int, int]:
    """Return the size with the image's own ratio that just covers the target, or just fits into it; rounded down."""
    (own_width, own_height), (width, height) = size, target
    ratio, wanted = own_width / own_height, width / height
    if ratio == wanted:
        return target
    if (wanted > ratio) == cover:
        return width, own_height * width // own_width
    return own_width * height // own_height, height


def extend_edges(canvas: Image.Image, inner: Image.Image, left: int, top: int) -> None:
    """Stretch the outermost rows or columns of inner, which lies at (left, top), over the rest of the canvas."""
    width, height = inner.size
    if top > 0:
        for edge, y in ((0, 0), (height, top + height)):
            canvas.paste(inner.resize((canvas.width, top), box=(0, edge, canvas.width, edge)), (0, y))
    if left > 0:
        for edge, x in ((0, 0), (width, left + width)):
            canvas.paste(inner.resize((left, canvas.height), box=(edge, 0, edge, canvas.height)), (x, 0))


def flatten(image: Image.Image, background: str) -> Image.Image:
    """Return an RGB image; transparent parts show the background, a colour such as "#ffffff"."""
    if image.mode in WITH_ALPHA or "transparency" in image.info:
        image = image.convert("RGBA")
    if image.mode != "RGBA":
        return image.convert("RGB")
    flat = Image.new(image.mode, image.size, background)
    flat.paste(image, mask=image)
    return flat.convert("RGB")
