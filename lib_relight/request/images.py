"""Decoding of every image of a request (base64, PIL, arrays, panel values) to one type, within limits."""

from __future__ import annotations

import base64
import binascii
import io
from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path

import numpy as np
from PIL import Image, UnidentifiedImageError

from ...lib_iclight import foreground
from ..base.caches import content_hash
from ..base.errors import RelightError
from ..base.log import logger
from .pixel_formats import HIDDEN, channels_of, channels_of_array, frame_count

FORMATS = ("PNG", "JPEG", "WEBP", "GIF", "BMP", "TIFF", "AVIF", "HEIF")
"""Pillow's names of the file formats that are opened, as far as the installed Pillow has them."""
MIN_SIDE, MAX_SIDE = 16, 16384
MAX_PIXELS = 2**27
"""Of one image: 134 million, more than any camera's."""
MAX_REQUEST_PIXELS, MAX_REQUEST_IMAGES = 2**28, 64
"""Of all images of one request."""
ASPECT_TOLERANCE = 0.02


@dataclass(frozen=True, eq=False)
class DecodedImage:
    """One image of a request: rgb uint8 [H, W, 3]; alpha float32 [H, W] in 0..1, or None where it is opaque everywhere.

    name: the request's field.  frames: of the animation, or pages of the file, whose first one this is. The arrays are
    read-only; colors under alpha 0 are replaced by grey when decoding.
    """

    rgb: np.ndarray
    alpha: np.ndarray | None = None
    name: str = "image"
    frames: int = 1

    def __post_init__(self) -> None:
        for array in (self.rgb, self.alpha):
            if array is not None:
                array.setflags(write=False)

    @property
    def width(self) -> int:
        return self.rgb.shape[1]

    @property
    def height(self) -> int:
        return self.rgb.shape[0]

    @property
    def size(self) -> tuple[int, int]:
        """(width, height) in pixels."""
        return self.width, self.height

    @cached_property
    def digest(self) -> str:
        """Hex digest of the pixels, equal for equal images of different fields and file formats."""
        return content_hash(self.pixels)

    @property
    def pixels(self) -> np.ndarray:
        """uint8 [H, W, 3], or [H, W, 4] where there is alpha."""
        if self.alpha is None:
            return self.rgb
        return np.dstack([self.rgb, np.rint(self.alpha * 255).astype(np.uint8)])

    def to_pil(self) -> Image.Image:
        """RGB, or RGBA where there is alpha."""
        return Image.fromarray(self.pixels)

    def flattened(self, color: int | tuple[int, int, int] = foreground.GREY) -> DecodedImage:
        """Composite over one color; the result has no alpha. On grey 127 the values are truncated as IC-Light's are."""
        if self.alpha is None:
            return self
        if color == foreground.GREY:
            return replace(self, rgb=foreground.grey_composite(self.rgb, self.alpha), alpha=None)
        below = np.asarray(color, np.float32)
        mixed = below + (self.rgb.astype(np.float32) - below) * self.alpha[..., None]
        return replace(self, rgb=np.rint(mixed).astype(np.uint8), alpha=None)

    def fitted(self, width: int, height: int, mode: str = "cover") -> DecodedImage:
        """Resize to width x height pixels; mode as of lib_iclight.foreground.fit. Colors are weighted by alpha."""
        return self.resized(lambda array: foreground.fit(array, width, height, mode))

    def resized(self, resize: Callable[[np.ndarray], np.ndarray]) -> DecodedImage:
        """Resize by a function of uint8 [H, W, 3] or float32 [H, W] arrays in 0..1. Colors are weighted by alpha."""
        if self.alpha is None:
            return replace(self, rgb=resize(self.rgb))
        alpha = resize(self.alpha)
        weight = self.alpha / np.float32(255)
        color = np.dstack([resize(self.rgb[..., channel] * weight) for channel in range(3)])
        share = np.maximum(alpha, 1e-4)[..., None]
        rgb = np.rint((color / share).clip(0, 1) * 255).astype(np.uint8)
        rgb[alpha < 0.5 / 255] = HIDDEN
        return replace(self, rgb=rgb, alpha=alpha)

    def grey(self) -> np.ndarray:
        """Return the luma of the colors by ITU-R 601-2, uint8 [H, W]; equals Pillow's mode L."""
        return np.asarray(Image.fromarray(self.rgb).convert("L"))

    def mask_levels(self) -> np.ndarray:
        """Return the image as a mask, float32 [H, W] in 0..1: its alpha where there is one, else its luma."""
        return self.alpha if self.alpha is not None else self.grey().astype(np.float32) / 255

    def to_pil_mask(self) -> Image.Image:
        """Return mask_levels as a PIL image of mode L."""
        return Image.fromarray(np.rint(self.mask_levels() * 255).astype(np.uint8))


class ImageDecoder:
    """Decodes the images of one request; counts them and their pixels against the request's limits."""

    def __init__(self) -> None:
        self.images = self.pixels = 0

    def decode(self, value: object, name: str) -> DecodedImage:
        """Decode base64 (with or without `data:` prefix), bytes, a PIL image, an array or a panel's dict.

        A DecodedImage is returned as it is.

        name: the field, for messages. Raises RelightError with its name for anything else, for a size outside of the limits
        and for a damaged file; a file's pixels are decoded only after its header has passed the limits.
        """
        if isinstance(value, DecodedImage):
            return value
        if isinstance(value, dict):
            self.reject_unused(value, name)
            value = next((value[key] for key in ("image", "composite", "background") if value.get(key) is not None), None)
        if isinstance(value, str):
            value = decode_base64(value, name)
        if isinstance(value, (bytes, bytearray)):
            value = open_bytes(bytes(value), name)
        if not isinstance(value, (Image.Image, np.ndarray)):
            raise RelightError(f"`{name}` is {type(value).__name__}; send one image as base64-encoded PNG, JPEG or WebP.")
        size = value.size if isinstance(value, Image.Image) else value.shape[1::-1]
        if len(size) == 2:
            self.check_size(*size, name)
        try:
            channels = channels_of(value) if isinstance(value, Image.Image) else channels_of_array(value)
        except MemoryError as error:
            raise RelightError(f"There is not enough memory to decode `{name}`; scale it down.", 507) from error
        except Exception as error:  # Pillow's decoders raise many types for damaged files
            raise RelightError(f"`{name}` could not be decoded ({str(error)[:120] or type(error).__name__}); send an undamaged "
                               "PNG, JPEG or WebP in RGB or grey.") from error
        return DecodedImage(*channels, name, frame_count(value))

    def reject_unused(self, value: dict, name: str) -> None:
        """Raise RelightError for a dict with a mask that is not black, since the field takes no mask, or with loose layers."""
        if any(map(is_given, value.get("layers") or ())) and not is_given(value.get("composite")):
            raise RelightError(f"`{name}` has drawn layers but no `composite` of them; send one image.")
        if is_given(value.get("mask")) and self.decode(value["mask"], name).mask_levels().any():
            raise RelightError(f"`{name}` holds a mask beside its image; send the mask as a field of its own, `mask`.")

    def decode_file(self, path: Path, name: str) -> DecodedImage:
        """Decode a file of this machine with the same checks and messages."""
        if not path.is_file():
            raise RelightError(f"`{name}`: there is no file {path}; check the path.")
        return self.decode(path.read_bytes(), name)

    def check_size(self, width: int, height: int, name: str) -> None:
        check_size(width, height, name)
        self.images += 1
        self.pixels += width * height
        if self.images > MAX_REQUEST_IMAGES:
            raise RelightError(f"The request has more than {MAX_REQUEST_IMAGES} images; send fewer.")
        if self.pixels > MAX_REQUEST_PIXELS:
            raise RelightError(f"With `{name}` the request's images have {self.pixels} pixels together; scale them to at most "
                               f"{MAX_REQUEST_PIXELS}.")


def open_file(path: Path, name: str) -> Image.Image:
    """Decode one file of this machine to a PIL image in RGB, or in RGBA where it has transparency."""
    image = ImageDecoder().decode_file(path, name)
    if image.frames > 1:
        logger.warning(several_frames(name, image.frames))
    return image.to_pil()


def several_frames(name: str, count: int) -> str:
    """Return the warning for an animation, or a file of several pages."""
    return f"`{name}` has {count} frames or pages; only the first is used. Send another one as an image of its own."


def check_size(width: int, height: int, name: str) -> None:
    """Raise RelightError for an image with a side or an area outside of the limits."""
    if min(width, height) < MIN_SIDE:
        raise RelightError(f"`{name}` is {width}x{height} pixels; it must have at least {MIN_SIDE} pixels a side.")
    if max(width, height) > MAX_SIDE:
        raise RelightError(f"`{name}` is {width}x{height} pixels; scale it to at most {MAX_SIDE} pixels a side.")
    if width * height > MAX_PIXELS:
        raise RelightError(f"`{name}` is {width}x{height} = {width * height} pixels; scale it to at most {MAX_PIXELS} pixels.")


def decode_base64(text: str, name: str) -> bytes:
    if text[:8].lower().startswith(("http://", "https://", "file:")):
        raise RelightError(f"`{name}` is a URL; Relight loads no URLs, send the image itself as base64.")
    body = text.split(",", 1)[1] if text.startswith("data:") and "," in text else text
    try:
        return base64.b64decode("".join(body.split()), validate=True)
    except (binascii.Error, ValueError) as error:
        raise RelightError(f"`{name}` is not valid base64 ({error}); send the image's bytes encoded as base64.") from error


def open_bytes(data: bytes, name: str) -> Image.Image:
    """Open a file of one of FORMATS; its pixels are not decoded yet."""
    Image.init()
    try:
        return Image.open(io.BytesIO(data), formats=[form for form in FORMATS if form in Image.OPEN])
    except Image.DecompressionBombError as error:
        raise RelightError(f"`{name}` has too many pixels ({error}); scale it to at most {MAX_PIXELS} pixels.") from error
    except UnidentifiedImageError as error:
        raise RelightError(f"`{name}` is no image in a supported format ({len(data)} bytes); send a PNG, JPEG or "
                           "WebP.") from error
    except Exception as error:  # Pillow's parsers raise many types for damaged headers
        raise RelightError(f"`{name}` has a damaged header ({str(error)[:120] or type(error).__name__}); send an undamaged PNG, "
                           "JPEG or WebP.") from error


def reject_invisible(image: DecodedImage) -> DecodedImage:
    """Raise RelightError for an image that is transparent everywhere."""
    if image.alpha is not None and not image.alpha.any():
        raise RelightError(f"`{image.name}` is transparent everywhere; send an image that shows something.")
    return image


def same_shape(size: tuple[int, int], other: tuple[int, int]) -> bool:
    """Return whether two (width, height) have the same aspect, up to rounding."""
    stretch = (size[0] / size[1]) / (other[0] / other[1])
    return max(stretch, 1 / stretch) <= 1 + ASPECT_TOLERANCE


def is_given(value: object) -> bool:
    """False for None and for the empty forms that panels and clients send for "no image"."""
    parts = value.values() if isinstance(value, dict) else [value]
    return any(part is not None and not (isinstance(part, (str, bytes)) and not part) for part in parts)
