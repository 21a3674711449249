"""IP-Adapter units of a request: parameters, pictures, masks, and the subject of the same job as a picture."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from PIL import Image

from ...lib_ipadapter.params import IpAdapterParams, split_unit
from ..base.errors import RelightError
from .images import decode_image, is_given

SUBJECT = "subject"
"""As `image`: the job's own subject on grey. As `mask`: its matte."""
MAX_UNITS = 4
Picture = Image.Image | str


@dataclass(frozen=True)
class IpUnit:
    """One unit. images, masks, image_masks: PIL pictures or SUBJECT; masks: one for the unit, or one a picture (separate)."""

    params: IpAdapterParams
    images: tuple[Picture, ...] = ()
    masks: tuple[Picture, ...] = ()
    image_masks: tuple[Image.Image, ...] = ()
    negative_image: Image.Image | None = None
    embedding: tuple | None = None

    @property
    def uses_subject(self) -> bool:
        return SUBJECT in self.images or SUBJECT in self.masks


def parse_units(units) -> tuple[IpUnit, ...]:
    """The enabled units of the API's `ip_adapter`: a list of objects, or one object.

    Raises RelightError or IpAdapterError for the first thing that is wrong.
    """
    units = [units] if isinstance(units, Mapping) else units or []
    if not isinstance(units, Sequence) or isinstance(units, str) or not all(isinstance(unit, Mapping) for unit in units):
        raise RelightError(f"`ip_adapter` is {type(units).__name__}; it must be a list of objects with `model` and `image`.")
    enabled = [unit for unit in units if is_enabled(unit, "ip_adapter")]
    if len(enabled) > MAX_UNITS:
        raise RelightError(f"`ip_adapter` has {len(enabled)} units; at most {MAX_UNITS} work together.")
    return tuple(parse_unit(unit) for unit in enabled)


def is_enabled(payload: Mapping, where: str) -> bool:
    enabled = payload.get("enabled", True)
    if not isinstance(enabled, bool):
        raise RelightError(f"`enabled` of `{where}` is {enabled!r}; it must be true or false.")
    return enabled


def parse_unit(unit: Mapping) -> IpUnit:
    params, inputs = split_unit(unit)
    if not params.model:
        raise RelightError("`model` of an `ip_adapter` unit is missing; name the adapter's file.")
    negative = inputs.get("negative_image")
    parsed = IpUnit(
        params, pictures(inputs.get("image"), "image"), pictures(inputs.get("mask"), "mask"),
        pictures(inputs.get("image_mask"), "image_mask"),
        decode_image(negative, "negative_image") if is_given(negative) else None, as_embedding(inputs.get("embedding")))
    if not parsed.images and parsed.embedding is None:
        raise RelightError(f"`image` of the `ip_adapter` unit {params.model!r} is missing; add a picture, or \"{SUBJECT}\".")
    if SUBJECT in parsed.masks and len(parsed.masks) > 1:
        raise RelightError(f"`mask` of the `ip_adapter` unit {params.model!r} mixes \"{SUBJECT}\" with pictures; give one, or "
                           "a picture for each image.")
    return parsed


def pictures(value, what: str) -> tuple[Picture, ...]:
    """One picture or a list of them, each decoded; the word SUBJECT stays."""
    entries = value if isinstance(value, (list, tuple)) else [value]
    return tuple(SUBJECT if isinstance(entry, str) and entry == SUBJECT else decode_image(entry, what)
                 for entry in entries if is_given(entry))


def as_embedding(value) -> tuple | None:
    """512 numbers, or several faces' lists of 512, as a tuple of tuples."""
    if not value:
        return None
    rows = value if isinstance(value[0], (list, tuple)) else [value]
    return tuple(tuple(row) for row in rows)
