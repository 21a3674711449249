"""IP-Adapter units of a request: parameters, images and masks, with the job's subject as a possible image."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from ...lib_common.fields import short_repr
from ...lib_ipadapter.encode.faces import FACE_WIDTH
from ...lib_ipadapter.encode.preprocess import PAD_COLOR
from ...lib_ipadapter.params import IMAGE_FIELDS, IpAdapterParams, split_unit
from ..base.errors import RelightError
from .images import MIN_SIDE, DecodedImage, ImageDecoder, is_given, reject_invisible

SUBJECT = "subject"
"""As `image`: the job's own subject on grey. As `mask`: its matte."""
MAX_UNITS = 4
MAX_FACES = 64
WHITE = DecodedImage(np.full((MIN_SIDE, MIN_SIDE, 3), 255, np.uint8), name="mask")
UnitImage = DecodedImage | str
"""An image, or SUBJECT."""


@dataclass(frozen=True)
class IpUnit:
    """One unit. images, negative_image: flattened onto the encoder's mean color. masks: of the output, one for the unit or
    one for each image (separate). image_masks: of the images. images and masks may hold SUBJECT."""

    params: IpAdapterParams
    images: tuple[UnitImage, ...] = ()
    masks: tuple[UnitImage, ...] = ()
    image_masks: tuple[DecodedImage, ...] = ()
    negative_image: DecodedImage | None = None
    embedding: tuple | None = None

    @property
    def uses_subject(self) -> bool:
        return SUBJECT in self.images or SUBJECT in self.masks


def parse_units(units: object, decoder: ImageDecoder) -> tuple[IpUnit, ...]:
    """Parse the enabled units of the API's `ip_adapter`: a list of objects, or one object.

    Raises RelightError or IpAdapterError for the first invalid value.
    """
    units = [units] if isinstance(units, Mapping) else [] if units is None else units
    if not isinstance(units, (list, tuple)) or not all(isinstance(unit, Mapping) for unit in units):
        raise RelightError(f"`ip_adapter` is {short_repr(units)}; it must be a list of objects with `model` and `image`.")
    enabled = [unit for unit in units if is_enabled(unit, "ip_adapter")]
    if len(enabled) > MAX_UNITS:
        raise RelightError(f"`ip_adapter` has {len(enabled)} units; at most {MAX_UNITS} work together.")
    return tuple(parse_unit(unit, decoder) for unit in enabled)


def is_enabled(payload: Mapping, where: str) -> bool:
    enabled = payload.get("enabled", True)
    if not isinstance(enabled, bool):
        raise RelightError(f"`enabled` of `{where}` is {short_repr(enabled)}; it must be true or false.")
    return enabled


def parse_unit(unit: Mapping, decoder: ImageDecoder) -> IpUnit:
    params, inputs = split_unit(unit)
    nested = nested_masks(inputs, decoder)
    images = {name: decode_images(inputs.get(name), name, decoder) for name in IMAGE_FIELDS}
    negative = [on_mean(image) for image in images["negative_image"]]
    if len(negative) > 1:
        raise RelightError(f"`negative_image` of the `ip_adapter` unit {params.model!r} is a list of {len(negative)}; give one.")
    parsed = IpUnit(params, tuple(map(on_mean, images["image"])), images["mask"] or nested, images["image_mask"],
                    negative[0] if negative else None, parse_embedding(inputs.get("embedding")))
    if not parsed.images and parsed.embedding is None:
        raise RelightError(f"`image` of the `ip_adapter` unit {params.model!r} is missing; add an image, or \"{SUBJECT}\".")
    if SUBJECT in parsed.masks and len(parsed.masks) > 1:
        raise RelightError(f"`mask` of the `ip_adapter` unit {params.model!r} mixes \"{SUBJECT}\" with masks; give one, or a "
                           "mask for each image.")
    return parsed


def nested_masks(inputs: dict, decoder: ImageDecoder) -> tuple[UnitImage, ...]:
    """Take the masks out of `image`'s entries {"image", "mask"} where one is not black: one for each image, white for none.

    Raises RelightError if `mask` is given as well.
    """
    entries = [dict(entry) if isinstance(entry, Mapping) else entry for entry in as_list(inputs.get("image"))]
    given = [entry.pop("mask", None) if isinstance(entry, dict) else None for entry in entries]
    masks = [decoder.decode(mask, "mask") if is_given(mask) else None for mask in given]
    inputs["image"] = entries
    if not any(mask is not None and mask.mask_levels().any() for mask in masks):
        return ()
    if is_given(inputs.get("mask")):
        raise RelightError("`image` of an `ip_adapter` unit holds a mask, and `mask` is given too; send one of them.")
    return tuple(WHITE if mask is None else mask for mask in masks)


def as_list(value: object) -> list:
    return list(value) if isinstance(value, (list, tuple)) else [value]


def decode_images(value: object, name: str, decoder: ImageDecoder) -> tuple[UnitImage, ...]:
    """Decode one image or a list of images; SUBJECT is kept."""
    return tuple(SUBJECT if isinstance(entry, str) and entry == SUBJECT else decoder.decode(entry, name)
                 for entry in as_list(value) if is_given(entry))


def on_mean(image: UnitImage) -> UnitImage:
    """Flatten an image prompt onto the encoder's mean color, so that transparent parts have no effect."""
    return image if isinstance(image, str) else reject_invisible(image).flattened(PAD_COLOR)


def parse_embedding(value: object) -> tuple[tuple[float, ...], ...] | None:
    """Parse 512 numbers, or a list of 512 for each of several faces. Raises RelightError for anything else."""
    if value is None or value in ([], (), ""):
        return None
    rows = value if isinstance(value, (list, tuple)) and all(isinstance(row, (list, tuple)) for row in value) else [value]
    if len(rows) > MAX_FACES or not all(is_embedding(row) for row in rows):
        raise RelightError(f"`embedding` of an `ip_adapter` unit is {short_repr(value)}; give the {FACE_WIDTH} finite numbers of "
                           f"ArcFace, not all of them 0, or a list of them for each of at most {MAX_FACES} faces.")
    return tuple(tuple(map(float, row)) for row in rows)


def is_plain_number(value: object) -> bool:
    """Return whether value is a finite number within the range of float32."""
    return isinstance(value, (int, float)) and not isinstance(value, bool) and -1e30 < value < 1e30


def is_embedding(row: object) -> bool:
    return isinstance(row, (list, tuple)) and len(row) == FACE_WIDTH and all(map(is_plain_number, row)) and any(row)
