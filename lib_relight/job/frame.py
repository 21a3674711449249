"""The init image's frame: applies the crop box and resize mode of img2img to subjects, masks and light maps.

Inpaint only masked samples a box of the init image, SD upscale a tile of a larger one, and the resize modes stretch, cover or
contain. Subject, background, light map, masks and post-processing must all use the same frame.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass, replace

import numpy as np
import torch
from PIL import Image
from torch.nn import functional

from ...lib_iclight import foreground
from ...lib_iclight.placing import Place
from ..base.errors import RelightError
from ..hosts.tiles import Tile, tile_of
from ..hosts.types import Host, Processing
from ..request.images import DecodedImage, same_shape

Box = tuple[int, int, int, int]
Size = tuple[int, int]
Shares = tuple[float, float, float, float]
STRETCH, COVER, CONTAIN, LATENT = range(4)
"""The hosts' resize modes: just resize, crop and resize, resize and fill, just resize (latent upscale)."""
LARGEST_LIGHT = 2048
"""Longer side in pixels at which the light over the image of SD upscale is computed before it is cut into tiles."""


@dataclass(frozen=True)
class Placement:
    """Moves and scales a subject in the frame, in place of cropping it around its middle.

    box: (left, top, right, bottom) of its matte in shares of its image, whose centre is moved to x and y of `place`.
    """

    place: Place
    box: Shares

    def paste(self, array: np.ndarray, width: int, height: int, mode: int, fill: int | None = None) -> np.ndarray:
        """Bring the subject's image or matte to width x height pixels; see Frame.place for array and fill.

        mode: gives the size at scale 1. What the image does not cover is fill. Raises RelightError if the matte is outside.
        """
        scales = width / array.shape[1], height / array.shape[0]
        scales = (max(scales),) * 2 if mode == COVER else (min(scales),) * 2 if mode == CONTAIN else scales
        spans = [self.span(axis, array.shape[1 - axis], scales[axis] * self.place.scale, side)
                 for axis, side in enumerate((width, height))]
        (left, right, first, last), (top, bottom, upper, lower) = spans
        image = Image.fromarray(np.ascontiguousarray(array))
        inner = np.asarray(image.resize((right - left, bottom - top), Image.LANCZOS, box=(first, upper, last, lower)))
        inner = inner.clip(0, 1) if array.dtype.kind == "f" else inner
        return padded(inner, left, top, width, height, fill)

    def span(self, axis: int, length: int, scale: float, side: int) -> tuple[int, int, float, float]:
        """Return the pixels of the frame that the image covers along an axis, [first, last), and what of the image is there."""
        low, high = self.box[axis], self.box[axis + 2]
        offset = self.place[axis] * side - (low + high) / 2 * length * scale
        first, last = max(0, math.ceil(offset)), min(side, math.floor(offset + length * scale))
        if last <= first or offset + high * length * scale <= 0 or offset + low * length * scale >= side:
            x, y, zoom = self.place
            raise RelightError(f"`place` {x:g}, {y:g}, {zoom:g} puts the subject outside of the image; choose x and y nearer to "
                               "0.5.")
        return first, last, max(0, (first - offset) / scale), min(length, (last - offset) / scale)


@dataclass(frozen=True)
class Frame:
    """One init image and the part of it that is sampled.

    size: of the init image, (width, height); None in txt2img, where every image covers the output.  mode: STRETCH, COVER,
    CONTAIN or LATENT.  crop: (left, top, right, bottom) in the init image's pixels, inpaint only masked; the box is then
    contained in the output in every mode.  tile: where the init image lies in the image that SD upscale works on.
    """

    size: Size | None = None
    mode: int = STRETCH
    crop: Box | None = None
    tile: Tile | None = None

    @property
    def is_part(self) -> bool:
        """Return whether less than the whole image is sampled."""
        return self.crop is not None or self.tile is not None

    @property
    def finished(self) -> Frame:
        """Return the frame of the finished image: inpaint only masked pastes the sampled box into the whole init image."""
        return self if self.crop is None else replace(self, crop=None, mode=STRETCH)

    @property
    def canvas(self) -> Size | None:
        """Return the size of the whole image: the init image, or the image that it is a tile of."""
        return self.tile.canvas if self.tile else self.size

    def contains(self, size: Size) -> bool:
        """Return whether an image of this size can lie in the frame: it has the aspect of the canvas."""
        return self.canvas is not None and same_shape(size, self.canvas)

    def place(self, array: np.ndarray, width: int, height: int, fill: int | None = None,
              placement: Placement | None = None) -> np.ndarray:
        """Bring an image or a matte to the sampled width x height pixels, as the host brings the init image there.

        array: uint8 [H, W, 3], or a float32 matte [H, W], 0..1.  fill: level of the border that CONTAIN leaves; None repeats
        the image's edge, as the host does.  An image of another aspect covers the canvas, or the output if that is all of it.
        placement: of the subject, in the whole image, if it is moved.
        """
        size = array.shape[1], array.shape[0]
        if placement is not None and not self.is_part:
            return placement.paste(array, width, height, self.mode if self.contains(size) else COVER, fill)
        if placement is not None:
            array = placement.paste(array, *self.canvas, COVER, fill)
        if not self.is_part:
            return resize(array, width, height, self.mode, fill) if self.contains(size) else foreground.fit(array, width, height)
        array = self.on_init(array)
        if self.crop is None:
            return resize(array, width, height, self.mode, fill)
        return resize(np.asarray(Image.fromarray(array).crop(self.crop)), width, height, CONTAIN, fill)

    def on_init(self, array: np.ndarray) -> np.ndarray:
        """Return the part of an image that lies on the init image, at the init image's size."""
        if (array.shape[1], array.shape[0]) == self.size:
            return array
        array = foreground.fit(array, *self.canvas)
        if self.tile is None:
            return array
        left, top = self.tile.left, self.tile.top
        return np.ascontiguousarray(array[top:top + self.size[1], left:left + self.size[0]])

    def place_light(self, render: Callable[[int, int], np.ndarray], width: int, height: int) -> np.ndarray:
        """Return the light map of the sampled part. render(width, height) computes it for a whole image.

        Tiles see their part of one light over the large image. Inpaint only masked has the whole light on the box that is
        sampled: in a small part of a light over the photograph hardly any direction would be left.
        """
        if self.tile is None:
            return render(width, height)
        scale = min(1.0, LARGEST_LIGHT / max(self.canvas))
        return self.place(render(*(max(1, round(side * scale)) for side in self.canvas)), width, height)

    def on_light(self, array: np.ndarray, width: int, height: int, fill: int | None = None,
                 placement: Placement | None = None) -> np.ndarray:
        """Bring an image or a matte to the width x height pixels that place_light renders; see place for the arguments."""
        if self.tile is None:
            return self.place(array, width, height, fill, placement)
        if placement is not None:
            return placement.paste(array, width, height, COVER, fill)
        if (array.shape[1], array.shape[0]) == self.size:
            canvas = np.zeros((self.tile.canvas[1], self.tile.canvas[0], *array.shape[2:]), array.dtype)
            canvas[self.tile.top:self.tile.top + self.size[1], self.tile.left:self.tile.left + self.size[0]] = array
            array = canvas
        return foreground.fit(array, width, height)


def resize(array: np.ndarray, width: int, height: int, mode: int, fill: int | None = None) -> np.ndarray:
    """Resize as the hosts' `images.resize_image` does, with LANCZOS; see Frame.place for array and fill."""
    image = Image.fromarray(np.ascontiguousarray(array))
    by_width = width / height > image.width / image.height
    if mode == CONTAIN:
        by_width = width / height < image.width / image.height
    size = width, height
    if mode in (COVER, CONTAIN):
        same = width / height == image.width / image.height
        size = (width if by_width or same else image.width * height // image.height,
                height if not by_width or same else image.height * width // image.width)
    inner = np.asarray(image.resize((max(1, size[0]), max(1, size[1])), Image.LANCZOS))
    inner = inner.clip(0, 1) if array.dtype.kind == "f" else inner
    return centred(inner, width, height, fill)


def centred(inner: np.ndarray, width: int, height: int, fill: int | None) -> np.ndarray:
    """Crop or pad an image to width x height around its centre, rounded as the hosts round it."""
    left, top = width // 2 - inner.shape[1] // 2, height // 2 - inner.shape[0] // 2
    inner = inner[max(0, -top):max(0, -top) + height, max(0, -left):max(0, -left) + width]
    return padded(inner, max(0, left), max(0, top), width, height, fill)


def padded(inner: np.ndarray, left: int, top: int, width: int, height: int, fill: int | None) -> np.ndarray:
    """Put an image on width x height pixels at left, top; what is left is fill, or repeats its edge for None."""
    pads = ((top, height - inner.shape[0] - top), (left, width - inner.shape[1] - left), *((0, 0),) * (inner.ndim - 2))
    if fill is None:
        return np.pad(inner, pads, mode="edge")
    return np.pad(inner, pads, constant_values=fill)


@dataclass(frozen=True)
class Frames:
    """The frame of each init image of a batch, in turn; one empty frame in txt2img."""

    frames: tuple[Frame, ...] = (Frame(),)

    def __getitem__(self, index: int) -> Frame:
        return self.frames[index % len(self.frames)]

    @property
    def first(self) -> Frame:
        return self.frames[0]


def frames_of(host: Host, p: Processing) -> Frames:
    """Return the frames of p's init images. The crop box is known once the host has initialised the job."""
    if not host.is_img2img(p) or not p.init_images:
        return Frames()
    return Frames(tuple(Frame(image.size, p.resize_mode, crop_of(p), tile_of(image)) for image in p.init_images))


def part_of(p: Processing) -> Size | None:
    """Return the size of the image of which the job will sample a part only, None where it samples all of it.

    For a job that the host has not initialised yet.
    """
    tile = tile_of(p.init_images[0])
    if tile is not None:
        return tile.canvas
    is_part = getattr(p, "inpaint_full_res", False) and p.image_mask is not None
    return p.init_images[0].size if is_part else None


def crop_of(p: Processing) -> Box | None:
    """Return the box that "inpaint only masked" samples, padding and mask blur included, as the host has computed it."""
    if not getattr(p, "inpaint_full_res", False) or not getattr(p, "paste_to", None) or p.image_mask is None:
        return None
    left, top, width, height = p.paste_to
    return left, top, left + width, top + height


def predicted_crop(host: Host, mask: DecodedImage, blur: int, padding: int, invert: bool, size: Size) -> Box | None:
    """Return the crop box that a job with this inpaint mask will have.

    blur: the host's `mask_blur`, a standard deviation in pixels; its kernel ends at 2.5 of them.  size: of the output.
    """
    levels = mask.grey() if mask.alpha is None else np.where(mask.alpha * 255 > 128, 255, 0)
    tensor = torch.from_numpy((255 - levels if invert else levels).astype(np.float32))[None, None]
    if blur > 0:
        offsets = torch.arange(-int(2.5 * blur + 0.5), int(2.5 * blur + 0.5) + 1)
        kernel = torch.exp(-0.5 * (offsets / blur) ** 2)
        kernel = (kernel / kernel.sum())[None, None, None]
        for part in (kernel, kernel.mT):
            tensor = functional.conv2d(tensor, part, padding="same").round()
    return host.crop_box(Image.fromarray(tensor[0, 0].numpy().astype(np.uint8)), padding, *size)
