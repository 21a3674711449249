"""Computes the exact input images of a unit's encoders, without loading an encoder or adapter weights."""

from __future__ import annotations

from PIL import Image

from ...lib_ipadapter.encode import preprocess
from ...lib_ipadapter.encode.adapter import inspect_adapter
from ...lib_ipadapter.encode.tokens import Reference, clip_input
from ...lib_ipadapter.files.variants import Variant
from ..base.progress import Progress
from ..job.unit_images import find_face
from ..models import ip_adapter_files
from ..request.ip_adapter_unit import IpUnit

Named = list[tuple[str, Image.Image]]


def views(unit: IpUnit, folders, progress: Progress) -> tuple[Named, str | None]:
    """Return (named images, the encoder's name or None). unit: without SUBJECT among its images."""
    variant = inspect_adapter(ip_adapter_files.resolve(unit.params.model, folders("ipadapter")), unit.params.family)
    info = ip_adapter_files.encoder_for(variant, folders("clip_vision"))
    references, named = [], []
    for index, image in enumerate(image.to_pil() for image in unit.images):
        progress(f"preparing image {index + 1}")
        face = find_face(unit, variant, image, folders)
        mask = unit.image_masks[index].to_pil_mask() if index < len(unit.image_masks) else None
        references.append(Reference(image, mask, face))
        if variant.face and face is not None:
            named.append((f"face {index + 1}", face.small))
    if info is not None:
        named += encoder_views(references, unit, variant, info.image_size)
    return named, info and info.name


def encoder_views(references: list[Reference], unit: IpUnit, variant: Variant, size: int) -> Named:
    if unit.params.tiled:
        return [(f"picture {number}, tile {tile}", preprocess.preview(preprocess.encoder_input(part, "stretch", size)))
                for number, reference in enumerate(references, 1)
                for tile, (part, _) in enumerate(preprocess.tiles(reference.image), 1)]
    return [(f"picture {number}", preprocess.preview(clip_input(reference, unit.params, size, bool(variant.face))))
            for number, reference in enumerate(references, 1)]
