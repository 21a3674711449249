"""IP-Adapter units of a request: parameters, pictures, masks, and the subject of the same job as a picture."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from ...lib_ipadapter.encode.preprocess import PAD_COLOR
from ...lib_ipadapter.params import IMAGE_FIELDS, IpAdapterParams, split_unit
from ..base.errors import RelightError
from .images import DecodedImage, ImageDecoder, is_given, reject_invisible

SUBJECT = "subject"
"""As `image`: the job's own subject on grey. As `mask`: its matte."""
MAX_UNITS = 4
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
    """The enabled units of the API's `ip_adapter`: a list of objects, or one object.

    Raises RelightError or IpAdapterError for the first thing that is wrong.
    """
    units = [units] if isinstance(units, Mapping) else units or []
    if not isinstance(units, Sequence) or isinstance(units, str) or not all(isinstance(unit, Mapping) for unit in units):
        raise RelightError(f"`ip_adapter` is {type(units).__name__}; it must be a list of objects with `model` and `image`.")
    enabled = [unit for unit in units if is_enabled(unit, "ip_adapter")]
    if len(enabled) > MAX_UNITS:
        raise RelightError(f"`ip_adapter` has {len(enabled)} units; at most {MAX_UNITS} work together.")
    return tuple(parse_unit(unit, decoder) for unit in enabled)


def is_enabled(payload: Mapping, where: str) -> bool:
    enabled = payload.get("enabled", True)
    if not isinstance(enabled, bool):
        raise RelightError(f"`enabled` of `{where}` is {enabled!r}; it must be true or false.")
    return enabled


def parse_unit(unit: Mapping, decoder: ImageDecoder) -> IpUnit:
    params, inputs = split_unit(unit)
    if not params.model:
        raise RelightError("`model` of an `ip_adapter` unit is missing; name the adapter's file.")
    images = {name: decode_images(inputs.get(name), name, decoder) for name in IMAGE_FIELDS}
    negative = [on_mean(image) for image in images["negative_image"]]
    parsed = IpUnit(params, tuple(map(on_mean, images["image"])), images["mask"], images["image_mask"],
                    negative[0] if negative else None, as_embedding(inputs.get("embedding")))
    if not parsed.images and parsed.embedding is None:
        raise RelightError(f"`image` of the `ip_adapter` unit {params.model!r} is missing; add a picture, or \"{SUBJECT}\".")
    if SUBJECT in parsed.masks and len(parsed.masks) > 1:
        raise RelightError(f"`mask` of the `ip_adapter` unit {params.model!r} mixes \"{SUBJECT}\" with pictures; give one, or "
                           "a picture for each image.")
    return parsed


def decode_images(value: object, name: str, decoder: ImageDecoder) -> tuple[UnitImage, ...]:
    """One image or a list of them, each decoded; the word SUBJECT is kept."""
    entries = value if isinstance(value, (list, tuple)) else [value]
    return tuple(SUBJECT if isinstance(entry, str) and entry == SUBJECT else decoder.decode(entry, name)
                 for entry in entries if is_given(entry))


def on_mean(image: UnitImage) -> UnitImage:
    """Flatten an image prompt onto the encoder's mean color: what is transparent prompts nothing."""
    return image if isinstance(image, str) else reject_invisible(image).flattened(PAD_COLOR)


def as_embedding(value) -> tuple | None:
    """512 numbers, or several faces' lists of 512, as a tuple of tuples."""
    if not value:
        return None
    rows = value if isinstance(value[0], (list, tuple)) else [value]
    return tuple(tuple(row) for row in rows)
