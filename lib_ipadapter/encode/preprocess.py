"""Crops, masks and normalises images for the CLIP encoder, and renders the exact preview of its input."""

from __future__ import annotations

import numpy as np
import torch
from PIL import Image
from torch import Tensor

from ..errors import IpAdapterError

MEAN = (0.48145466, 0.4578275, 0.40821073)
STD = (0.26862954, 0.26130258, 0.27577711)
SIZE = 224
PAD_COLOR = (123, 117, 104)
"""The encoder's mean colour, 0 after normalisation: the most neutral padding."""


def to_rgb(image: Image.Image | np.ndarray) -> Image.Image:
    """Convert to RGB without blending the alpha channel (it is a mask, see `image_mask`). Raises IpAdapterError if empty."""
    pil: Image.Image = image if isinstance(image, Image.Image) else Image.fromarray(image)
    if pil.width < 1 or pil.height < 1:
        raise IpAdapterError(f"The image is {pil.width} x {pil.height}; it must have at least one pixel.")
    if pil.mode == "P" and "transparency" in pil.info:
        pil = pil.convert("RGBA")
    return pil.convert("RGB")


def square(image: Image.Image, crop: str = "center", size: int = SIZE, box: tuple[float, ...] = (),
           face: tuple[float, ...] | None = None, resample: int = Image.BICUBIC) -> Image.Image:
    """Return the encoder's input image, size × size pixels.

    crop: center = the shorter side fits, the rest is cut; pad = the whole image on the encoder's mean colour;
    stretch = the whole image, distorted; face = a square round `face` (left, top, right, bottom in pixels);
    box = `box` (the same as shares 0..1), then center. Other crops raise IpAdapterError.
    """
    if crop == "stretch":
        return image.resize((size, size), resample)
    if crop == "pad":
        return padded(image, size, resample)
    if crop == "box":
        image = image.crop(pixel_box(image, box))
    elif crop == "face" and face is not None:
        image = image.crop(face_square(image, face))
    elif crop not in ("center", "face"):
        raise IpAdapterError(f"`crop` is {crop!r}; choose one of center, pad, stretch, face, box.")
    return centre(image, size, resample)


def centre(image: Image.Image, size: int, resample: int = Image.BICUBIC) -> Image.Image:
    """Resize the shorter side to `size` and crop the middle, as transformers' CLIPImageProcessor does."""
    width, height = image.size
    short = min(width, height)
    resized = image.resize((int(size * width / short), int(size * height / short)), resample)
    left, top = (resized.width - size) // 2, (resized.height - size) // 2
    return resized.crop((left, top, left + size, top + size))


def padded(image: Image.Image, size: int, resample: int) -> Image.Image:
    scale = size / max(image.size)
    fitted = image.resize(tuple(max(1, min(size, round(side * scale))) for side in image.size), resample)
    color = PAD_COLOR if image.mode == "RGB" else 0
    canvas = Image.new(image.mode, (size, size), color)  # pyright: ignore[reportArgumentType]  -- Pillow 9.5 has no types
    canvas.paste(fitted, ((size - fitted.width) // 2, (size - fitted.height) // 2))
    return canvas


def pixel_box(image: Image.Image, box: tuple[float, ...]) -> tuple[int, int, int, int]:
    if len(box) != 4:
        raise IpAdapterError("`crop` is 'box' but `crop_box` is empty; give left, top, right, bottom as shares 0..1.")
    left, top = int(box[0] * image.width), int(box[1] * image.height)
    right, bottom = int(np.ceil(box[2] * image.width)), int(np.ceil(box[3] * image.height))
    left, top = min(left, image.width - 1), min(top, image.height - 1)
    return left, top, max(right, left + 1), max(bottom, top + 1)


def face_square(image: Image.Image, face: tuple[float, ...], margin: float = 0.5) -> tuple[int, int, int, int]:
    """Return a square around a face with hair and chin, clipped to the image. margin: share of the face's longer side."""
    left, top, right, bottom = face
    side = min(max(right - left, bottom - top) * (1 + margin), min(image.size))
    x = min(max((left + right - side) / 2, 0), image.width - side)
    y = min(max((top + bottom - side) / 2, 0), image.height - side)
    return round(x), round(y), round(x + side), round(y + side)


def normalise(image: Image.Image, mask: Image.Image | None = None) -> Tensor:
    """Normalise an RGB image to CLIP's float32 [1, 3, H, W]. mask: grey, same size; black areas become the mean colour."""
    pixels = torch.from_numpy(np.asarray(image.convert("RGB")).astype(np.float32) / 255)
    pixels = (pixels - torch.tensor(MEAN)) / torch.tensor(STD)
    if mask is not None:
        pixels = pixels * torch.from_numpy(np.asarray(mask.convert("L")).astype(np.float32) / 255)[..., None]
    return pixels.permute(2, 0, 1)[None]


def preview(pixels: Tensor) -> Image.Image:
    """Invert `normalise`: return the image that the encoder sees, masked areas included."""
    image = pixels[0].permute(1, 2, 0).cpu() * torch.tensor(STD) + torch.tensor(MEAN)
    return Image.fromarray((image.clamp(0, 1) * 255).round().to(torch.uint8).numpy())


def alpha_mask(image: Image.Image) -> Image.Image | None:
    """Return an image's alpha channel as its mask, None if it has none or is opaque."""
    if image.mode not in ("RGBA", "LA", "PA") and "transparency" not in image.info:
        return None
    alpha = image.convert("RGBA").getchannel("A")
    return None if alpha.getextrema()[0] == 255 else alpha


def encoder_input(image: Image.Image, crop: str = "center", size: int = SIZE, box: tuple[float, ...] = (),
                  face: tuple[float, ...] | None = None, mask: Image.Image | None = None) -> Tensor:
    """Return the encoder's input, float32 [1, 3, size, size]. mask: aligned with the image, any size; its alpha when None."""
    mask = mask if mask is not None else alpha_mask(image)
    rgb = to_rgb(image)
    pixels = square(rgb, crop, size, box, face)
    if mask is not None:
        grey = mask.convert("L").resize(rgb.size, Image.BILINEAR)
        mask = square(grey, crop, size, box, face, Image.BILINEAR)
    return normalise(pixels, mask)


def tile_starts(length: int, tile: int) -> list[int]:
    """Return the starts of overlapping tiles that cover `length` evenly, the first at 0 and the last ending at `length`."""
    count = max(1, -(-length // tile))
    if count == 1:
        return [0]
    return [round(i * (length - tile) / (count - 1)) for i in range(count)]


def tiles(image: Image.Image, tile: int = 256) -> list[tuple[Image.Image, tuple[float, float, float, float]]]:
    """Return overlapping square tiles, each with its box (left, top, right, bottom as shares 0..1).

    A nearly square image gives 2 × 2 tiles of its middle, a longer one a row or column of at most four.
    """
    image = to_rgb(image)
    ratio = image.height / image.width
    if 0.75 < ratio < 1.33:
        image = centre(image, 2 * tile, Image.LANCZOS)
    else:
        scale = tile / min(image.size)
        image = image.resize(tuple(min(4 * tile, max(tile, round(side * scale))) for side in image.size), Image.LANCZOS)
    cut = []
    for top in tile_starts(image.height, tile):
        for left in tile_starts(image.width, tile):
            box = (left, top, left + tile, top + tile)
            shares = (left / image.width, top / image.height, (left + tile) / image.width, (top + tile) / image.height)
            cut.append((image.crop(box), shares))
    return cut
