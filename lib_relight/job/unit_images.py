"""Resolves the images of a unit: the job's subjects in place of SUBJECT, and the faces in the images."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path

from PIL import Image

from ...lib_ipadapter.encode.faces import Face
from ...lib_ipadapter.files.variants import Variant
from ..base.caches import file_identity
from ..models import face_models
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


def uses_face(unit: IpUnit, variant: Variant) -> bool:
    """Whether a face must be found in the unit's images: for FaceID without an embedding, or for crop: face."""
    return unit.embedding is None if variant.face else unit.params.crop == "face"


def face_files_identity(unit: IpUnit, variant: Variant, folders: Callable[[str], list[Path]]) -> str:
    """Return the identity of the face models that the unit uses, which changes when one is replaced."""
    if not uses_face(unit, variant):
        return ""
    return "|".join(map(file_identity, face_models.face_files(folders("faces"), embeds=bool(variant.face))))


def find_face(unit: IpUnit, variant: Variant, image: Image.Image, folders: Callable[[str], list[Path]]) -> Face | None:
    """Detect the face of one image; embedded for FaceID only. None if the unit has an embedding, or if nothing uses a face."""
    if not uses_face(unit, variant):
        return None
    finder = face_models.face_finder(folders("faces"), 256 if variant.base == "sdxl" else 224, embeds=bool(variant.face))
    return finder.find(image, unit.params.face_index)
