"""Resolves the images of a unit: the job's subjects in place of SUBJECT, and the faces in the images."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path

from PIL import Image

from ...lib_ipadapter.encode.faces import Face
from ...lib_ipadapter.files.variants import Variant
from ..models import ip_adapter_files
from ..request.images import DecodedImage
from ..request.ip_adapter_unit import SUBJECT, IpUnit
from .subject import Subject


def resolve_unit_images(unit: IpUnit, subjects: Sequence[Subject]) -> IpUnit:
    """Return the unit with the job's subjects in place of SUBJECT; each image of a batch gets its own subject."""
    if not unit.uses_subject:
        return unit
    composites = tuple(DecodedImage(subject.composite) for subject in subjects)
    whole = unit.images == (SUBJECT,)
    images = composites if whole else tuple(composites[0] if image is SUBJECT else image for image in unit.images)
    params = replace(unit.params, unfold_batch=True) if whole and len(composites) > 1 else unit.params
    has_matte = whole and not unit.masks and subjects[0].alpha is not None
    return replace(unit, images=images, params=params, masks=(SUBJECT,) if has_matte else unit.masks)


def find_face(unit: IpUnit, variant: Variant, image: Image.Image, folders: Callable[[str], list[Path]]) -> Face | None:
    """Detect the face of one image. None if the unit has an embedding, or if nothing uses a face."""
    if unit.embedding is not None and variant.face or not variant.face and unit.params.crop != "face":
        return None
    finder = ip_adapter_files.face_finder(folders("faces"), 256 if variant.base == "sdxl" else 224)
    return finder.find(image, unit.params.face_index)
