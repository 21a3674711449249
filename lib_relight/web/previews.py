"""Previews of a job's inputs: the matte, the subject on grey, the light map, the input images of the encoders.

No checkpoint and no VAE is loaded. An invalid request is rejected with the message of the job.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path

import numpy as np
from PIL import Image

from ...lib_common.fields import short_repr
from ...lib_iclight.light_map import has_depth
from ...lib_iclight.light_sets import first_of_set
from ..base.errors import RelightError
from ..base.progress import SILENT, Progress
from ..checks.iclight_checks import image_messages
from ..checks.messages import State, raise_first_error
from ..hosts import current_host
from ..job import subject as images_of
from ..job.copied_light import copied_lights
from ..job.frame import Box, Frame, Frames, predicted_crop
from ..job.subject import Subject
from ..job.unit_images import resolve_unit_images
from ..models import iclight_files
from ..request.images import DecodedImage, ImageDecoder, is_given
from ..request.ip_adapter_unit import SUBJECT, IpUnit
from ..request.request import RelightRequest, parse_api, parse_tab
from . import encoder_preview

Folders = Callable[[str], list[Path]]
SMALLEST, LARGEST = 16, 4096
MAX_INIT_IMAGES = 16
INPAINT = ("mask", "mask_blur", "inpaint_full_res", "inpaint_full_res_padding", "inpainting_mask_invert")
OPTIONS = ("tab", "width", "height", "init_images", "resize_mode", *INPAINT, "unit", "id")
"""Fields of a preview request besides `iclight` and `ip_adapter`."""


@dataclass(frozen=True)
class PreviewRequest:
    """One preview. init_images, resize_mode: as of img2img. crop: of inpaint only masked, in the init image's pixels.
    unit: the image unit's number, from 1; None for all."""

    request: RelightRequest
    tab: str = "txt2img"
    width: int = 512
    height: int = 512
    init_images: tuple[DecodedImage, ...] = ()
    resize_mode: int = 0
    unit: int | None = None
    crop: Box | None = None

    @property
    def is_img2img(self) -> bool:
        return self.tab == "img2img"

    @property
    def frames(self) -> Frames:
        if not self.is_img2img or not self.init_images:
            return Frames()
        return Frames(tuple(Frame(image.size, self.resize_mode, self.crop) for image in self.init_images))


@dataclass
class PreviewResult:
    """images: (name, image) pairs. info: JSON values about them."""

    images: list[tuple[str, Image.Image]]
    info: dict = field(default_factory=dict)


def parse_preview(payload: Mapping) -> PreviewRequest:
    """Parse a preview from the API's dict. Raises RelightError, IcLightError or IpAdapterError for the first invalid value."""
    decoder = ImageDecoder()
    request = parse_api({name: value for name, value in payload.items() if name not in OPTIONS}, decoder)
    if request is None:
        raise RelightError("`enabled` is false, so there is nothing to preview; leave it out.")
    if request.iclight is not None:
        request = replace(request, iclight=first_of_set(request.iclight))
    tab = parse_tab(payload.get("tab", "txt2img"))
    given = payload.get("init_images") or []
    if not isinstance(given, list) or len(given) > MAX_INIT_IMAGES:
        raise RelightError(f"`init_images` must be a list of at most {MAX_INIT_IMAGES} images as base64.")
    size = whole_number(payload, "width", 512, SMALLEST, LARGEST), whole_number(payload, "height", 512, SMALLEST, LARGEST)
    return PreviewRequest(
        request, tab, *size, tuple(decoder.decode(image, "init_images") for image in given),
        whole_number(payload, "resize_mode", 0, 0, 3), whole_number(payload, "unit", None, 1, 4), crop_of(payload, decoder, size))


def crop_of(payload: Mapping, decoder: ImageDecoder, size: tuple[int, int]) -> Box | None:
    """Return the box of "inpaint only masked" for the fields of an img2img job, None without it; defaults as the hosts' API."""
    flags = {"inpaint_full_res": payload.get("inpaint_full_res", True),
             "inpainting_mask_invert": payload.get("inpainting_mask_invert", False)}
    for name, value in flags.items():
        if value not in (False, True):
            raise RelightError(f"`{name}` is {short_repr(value)}; it must be true or false.")
    numbers = whole_number(payload, "mask_blur", 4, 0, 64), whole_number(payload, "inpaint_full_res_padding", 0, 0, 256)
    if not is_given(payload.get("mask")) or not flags["inpaint_full_res"]:
        return None
    mask = decoder.decode(payload["mask"], "mask")
    return predicted_crop(current_host(), mask, *numbers, bool(flags["inpainting_mask_invert"]), size)


def whole_number(payload: Mapping, name: str, default: int | None, low: int, high: int) -> int | None:
    value = payload.get(name)
    if value is None:
        return default
    if isinstance(value, bool) or not isinstance(value, (int, float)) or not low <= value <= high or value != int(value):
        raise RelightError(f"`{name}` is {short_repr(value)}; it must be a whole number from {low} to {high}.")
    return int(value)


def show(kind: str, preview: PreviewRequest, folders: Folders, progress: Progress = SILENT) -> PreviewResult:
    """Compute a preview. kind: one of KINDS. folders: kind of file -> folders."""
    result = KINDS[kind](preview, folders, progress)
    names = [name for name, _ in result.images]
    result.info = {"names": names, "width": preview.width, "height": preview.height, **result.info}
    return result


def check_images(request: RelightRequest, is_img2img: bool, folders: Folders) -> None:
    raise_first_error([*image_messages(request.iclight, request.images, State(folders, is_img2img))])


def subjects_of(preview: PreviewRequest, folders: Folders, progress: Progress) -> list[Subject]:
    """Return the job's subjects; the light is not validated, since they do not depend on it."""
    request = preview.request
    if request.iclight is None:
        raise RelightError("`iclight` is missing: only IC-Light has a subject; add it, for example {\"light\": \"left\"}.")
    without_light = replace(request, iclight=replace(request.iclight, light="none", lights=()),
                            images=replace(request.images, light_map=None))
    check_images(without_light, preview.is_img2img, folders)
    return images_of.cut_out_all(request.iclight, request.images, preview.init_images if preview.is_img2img else None, progress)


def show_matte(preview: PreviewRequest, folders: Folders, progress: Progress) -> PreviewResult:
    """Return each subject's matte (grey) and the subject cut out (RGBA), placed as in the result."""
    images, coverage = [], []
    for index, subject in enumerate(subjects_of(preview, folders, progress)):
        rgb, alpha = subject.at(preview.frames[index], preview.width, preview.height)
        alpha = np.ones((preview.height, preview.width), np.float32) if alpha is None else alpha
        matte = Image.fromarray(np.round(alpha * 255).astype(np.uint8))
        cut_out = Image.fromarray(rgb)
        cut_out.putalpha(matte)
        images += [("matte", matte), ("cut out", cut_out)]
        coverage.append(round(float(alpha.mean()), 4))
    return PreviewResult(images, {"coverage": coverage})


def show_foreground(preview: PreviewRequest, folders: Folders, progress: Progress) -> PreviewResult:
    """Return each subject on grey 127, from which the fc condition is encoded."""
    return PreviewResult([("foreground", Image.fromarray(subject.on_grey(preview.frames[index], preview.width, preview.height)))
                  for index, subject in enumerate(subjects_of(preview, folders, progress))])


def show_frame(preview: PreviewRequest, folders: Folders, progress: Progress) -> PreviewResult:
    """Return each img2img image as it is sampled; info: the box of inpaint only masked, None where all of it is sampled."""
    if not preview.frames.first.size:
        raise RelightError("`init_images` is missing: only an img2img job has a frame; add its image, and `tab` 'img2img'.")
    images = [("frame", Image.fromarray(preview.frames[index].place(image.flattened().rgb, preview.width, preview.height)))
              for index, image in enumerate(preview.init_images)]
    return PreviewResult(images, {"crop": preview.frames.first.crop})


def show_light(preview: PreviewRequest, folders: Folders, progress: Progress) -> PreviewResult:
    """Return the light map of the init latent or, for fbc without a background, of the background condition."""
    request = preview.request
    if request.iclight is None:
        raise RelightError("`iclight` is missing: it says where the light comes from; add it, for example {\"light\": \"left\"}.")
    check_images(request, is_img2img=True, folders=folders)  # the light is the same with any subject
    kind = kind_of(request, folders)
    light_kind = "fbc" if kind == "fbc" and request.images.background is None else "fc"
    has_subject = request.images.foreground is not None or preview.is_img2img and preview.init_images
    subject = subjects_of(preview, folders, progress)[0] if has_subject and has_depth(request.iclight) else None
    light = images_of.light_map(request.iclight, request.images, light_kind, preview.frames.first, preview.width,
                                preview.height, progress, subject)
    return PreviewResult([("light map", Image.fromarray(light))], {"kind": kind})


def show_light_from(preview: PreviewRequest, folders: Folders, progress: Progress) -> PreviewResult:
    """Return the lights of `light_from` in info, as entries of `lights`, and no image. `normal_map`: of that photograph."""
    images = preview.request.images
    if images.light_from is None:
        raise RelightError("`light_from` is missing: it is the image whose light is copied; add it to `iclight`.")
    return PreviewResult([], {"lights": copied_lights(images.light_from, images.normal_map, progress)})


def kind_of(request: RelightRequest, folders: Folders) -> str:
    """Return the model's kind, by `model` alone if no file is found."""
    has_background = request.images.background is not None
    try:
        return iclight_files.resolve(request.iclight.model, has_background, folders("iclight"))[1].kind
    except RelightError:
        return "fbc" if request.iclight.model == "fbc" or (request.iclight.model == "auto" and has_background) else "fc"


def show_crop(preview: PreviewRequest, folders: Folders, progress: Progress) -> PreviewResult:
    """Return the encoder's input for every image of the units, and the faces that FaceID reads."""
    units = preview.request.units
    if not units or (preview.unit or 1) > len(units):
        raise RelightError(f"`ip_adapter` has {len(units)} enabled units, so there is no image to show; add a unit with "
                           "`model` and `image`.")
    chosen = [(number, unit) for number, unit in enumerate(units, 1) if preview.unit in (None, number)]
    images, encoders = [], {}
    for number, unit in chosen:
        views, encoders[str(number)] = encoder_preview.views(with_subjects(unit, preview, folders, progress), folders, progress)
        images += [(f"unit {number}, {name}", image) for name, image in views]
    return PreviewResult(images, {"encoders": encoders})


def with_subjects(unit: IpUnit, preview: PreviewRequest, folders: Folders, progress: Progress) -> IpUnit:
    return resolve_unit_images(unit, subjects_of(preview, folders, progress)) if SUBJECT in unit.images else unit


KINDS = {"matte": show_matte, "foreground": show_foreground, "frame": show_frame, "light": show_light,
         "light-from": show_light_from, "crop": show_crop}
