"""What a set of lights gives besides its images: an animation, a contact sheet, a normal map."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import numpy as np
from PIL import Image

from ...lib_iclight import normals
from ...lib_iclight.detail import hold_color
from ...lib_iclight.light_sets import NAMED_SETS, light_name
from ...lib_iclight.params import IcLightParams
from ...lib_iclight.srgb import to_linear
from ..hosts.contact_sheet import contact_sheet
from ..hosts.results import Added
from .hand_over import PRECISE, levels, png, precise
from .image_files import encode_animation

COLUMNS = 4


def products(params: IcLightParams, lights: Sequence[IcLightParams], images: Sequence[Image.Image], infotext: str,
             original: np.ndarray | None, matte: np.ndarray | None) -> Iterator[Added]:
    """Yield what the set adds to its images.

    params: with the set.  lights: of each image.  infotext: of the files.  original: the subject before, uint8 [H, W, 3], for the
    colours of even light; None where a part of the images was sampled.  matte: float [H, W], 0..1, of the subject; None for
    the whole image.
    """
    if params.set == "even":
        even = levels(normals.even_light(unit_range(images)))
        if original is not None:
            even = hold_color(even, original, matte, params.color_hold or 1.0)
        yield png("even light", Image.fromarray(even), infotext)
    if params.set == "normals":
        yield from normal_maps(params, images, infotext, matte)
    if params.set == "sweep" and params.set_file != "none":
        data = encode_animation(images, params.set_file, params.set_fps, params.set_loop, infotext)
        yield Added("sweep", images[0], data, params.set_file)
    if params.set in ("sides", "directions", "lights") and params.set_sheet:
        sheet = contact_sheet([(light_name(light), image) for light, image in zip(lights, images, strict=True)], COLUMNS)
        yield png("contact sheet", sheet, infotext)


def normal_maps(params: IcLightParams, images: Sequence[Image.Image], infotext: str, matte: np.ndarray | None) -> Iterator[Added]:
    """Yield the normal map, the mean of the four images, the albedo, and map and albedo once more in precise files."""
    relights = unit_range(images)
    normal = normals.normals_from_relights(relights, matte)
    found = normals.with_y_down(normal) if params.set_normals_y == "directx" else normal
    albedo = normals.albedo(relights, normal)
    named = {"normal map": normals.encode_normals(found), "even light": levels(normals.even_light(relights)),
             "albedo": levels(albedo)}
    for name, array in named.items():
        yield png(name, Image.fromarray(array), infotext)
    for kind in PRECISE:
        if kind in (params.set_normals_file, params.output):
            yield precise("normal map", kind, normals.encode_normals(found, 65535), found, infotext)
    if params.output in PRECISE:
        yield precise("albedo", params.output, levels(albedo, 65535), to_linear(albedo), infotext)


def ratio_images(images: Sequence[Image.Image]) -> list[Added]:
    """Return each image of a set of normals over their mean: level 127 is the mean, 0 none of it, 255 twice as much."""
    relights = unit_range(images)
    return [Added(f"ratio {light}", Image.fromarray(normals.encode_normals(ratio)))
            for light, ratio in zip(NAMED_SETS["normals"], normals.ratios(relights), strict=True)]


def unit_range(images: Sequence[Image.Image]) -> np.ndarray:
    """Return the images as float64 [N, H, W, 3], 0..1."""
    return np.stack([np.asarray(image.convert("RGB")) for image in images]) / 255

