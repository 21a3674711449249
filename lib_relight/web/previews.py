"""What a job would be given, before it: the matte, the subject on grey, the light map, the pictures that encoders see.

No checkpoint and no VAE is needed. A request is refused with the sentence that the job would give.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path

import numpy as np
from PIL import Image

from ...lib_common.fields import short_repr
from ..base.errors import RelightError
from ..base.progress import SILENT, Progress
from ..checks.iclight_checks import image_messages
from ..checks.messages import State, raise_first_error
from ..hosts import current_host
from ..job import subject as images_of
from ..job.frame import Box, Frame, Frames, predicted_crop
from ..job.subject import Subject
from ..job.unit_images import resolve_unit_images
from ..models import iclight_files
from ..request.images import DecodedImage, ImageDecoder, is_given
from ..request.ip_adapter_unit import SUBJECT, IpUnit
from ..request.request import RelightRequest, parse_api
from . import encoder_preview

Folders = Callable[[str], list[Path]]
TABS = ("txt2img", "img2img")
SMALLEST, LARGEST = 16, 4096
MOST_PICTURES = 16
INPAINT = ("mask", "mask_blur", "inpaint_full_res", "inpaint_full_res_padding", "inpainting_mask_invert")
OPTIONS = ("tab", "width", "height", "init_images", "resize_mode", *INPAINT, "unit", "id")
"""What a preview's request has beside the job's own `iclight` and `ip_adapter`."""


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
    """images: named pictures. info: JSON values about them."""

    images: list[tuple[str, Image.Image]]
    info: dict = field(default_factory=dict)


def parse_preview(payload: Mapping) -> PreviewRequest:
    """A preview from the API's dict. Raises RelightError, IcLightError or IpAdapterError for the first thing that is wrong."""
    decoder = ImageDecoder()
    request = parse_api({name: value for name, value in payload.items() if name not in OPTIONS}, decoder)
    if request is None:
        raise RelightError("`enabled` is false, so there is nothing to preview; leave it out.")
    tab = payload.get("tab", "txt2img")
    if tab not in TABS:
        raise RelightError(f"`tab` is {short_repr(tab)}; it must be {' or '.join(TABS)}.")
    given = payload.get("init_images") or []
    if not isinstance(given, list) or len(given) > MOST_PICTURES:
        raise RelightError(f"`init_images` must be a list of at most {MOST_PICTURES} pictures as base64.")
    size = whole(payload, "width", 512, SMALLEST, LARGEST), whole(payload, "height", 512, SMALLEST, LARGEST)
    return PreviewRequest(
        request, tab, *size, tuple(decoder.decode(image, "init_images") for image in given),
        whole(payload, "resize_mode", 0, 0, 3), whole(payload, "unit", None, 1, 4), crop_of(payload, decoder, size))


def crop_of(payload: Mapping, decoder: ImageDecoder, size: tuple[int, int]) -> Box | None:
    """Return the box of "inpaint only masked" for the fields of an img2img job, None without it."""
    flags = {name: payload.get(name, False) for name in ("inpaint_full_res", "inpainting_mask_invert")}
    for name, value in flags.items():
        if value not in (False, True):
            raise RelightError(f"`{name}` is {short_repr(value)}; it must be true or false.")
    numbers = whole(payload, "mask_blur", 4, 0, 64), whole(payload, "inpaint_full_res_padding", 0, 0, 256)
    if not is_given(payload.get("mask")) or not flags["inpaint_full_res"]:
        return None
    mask = decoder.decode(payload["mask"], "mask")
    return predicted_crop(current_host(), mask, *numbers, bool(flags["inpainting_mask_invert"]), size)


def whole(payload: Mapping, name: str, default: int | None, low: int, high: int) -> int | None:
    value = payload.get(name)
    if value is None:
        return default
    if isinstance(value, bool) or not isinstance(value, (int, float)) or not low <= value <= high or value != int(value):
        raise RelightError(f"`{name}` is {short_repr(value)}; it must be a whole number from {low} to {high}.")
    return int(value)


def show(kind: str, preview: PreviewRequest, folders: Folders, progress: Progress = SILENT) -> PreviewResult:
    """kind: one of KINDS. folders: kind of file -> folders."""
    made = KINDS[kind](preview, folders, progress)
    made.info = {"names": [name for name, _ in made.images], "width": preview.width, "height": preview.height, **made.info}
    return made


def check_images(request: RelightRequest, is_img2img: bool, folders: Folders) -> None:
    raise_first_error([*image_messages(request.iclight, request.images, State(folders, is_img2img))])


def subjects_of(preview: PreviewRequest, folders: Folders, progress: Progress) -> list[Subject]:
    """The job's subjects; its light, which they do not depend on, is not looked at."""
    request = preview.request
    if request.iclight is None:
        raise RelightError("`iclight` is missing: only IC-Light has a subject; add it, for example {\"light\": \"left\"}.")
    without_light = replace(request, iclight=replace(request.iclight, light="none", lights=()),
                            images=replace(request.images, light_map=None))
    check_images(without_light, preview.is_img2img, folders)
    return images_of.cut_out_all(request.iclight, request.images, preview.init_images if preview.is_img2img else None, progress)


def show_matte(preview: PreviewRequest, folders: Folders, progress: Progress) -> PreviewResult:
    """Of each subject the matte (grey) and the subject cut out (with transparency), as they lie in the result."""
    shown_images, shares = [], []
    for index, subject in enumerate(subjects_of(preview, folders, progress)):
        rgb, alpha = subject.at(preview.frames[index], preview.width, preview.height)
        alpha = np.ones((preview.height, preview.width), np.float32) if alpha is None else alpha
        matte = Image.fromarray(np.round(alpha * 255).astype(np.uint8))
        cut_out = Image.fromarray(rgb)
        cut_out.putalpha(matte)
        shown_images += [("matte", matte), ("cut out", cut_out)]
        shares.append(round(float(alpha.mean()), 4))
    return PreviewResult(shown_images, {"coverage": shares})


def show_foreground(preview: PreviewRequest, folders: Folders, progress: Progress) -> PreviewResult:
    """Each subject on grey 127, which is what fc's condition is encoded from."""
    return PreviewResult([("foreground", Image.fromarray(subject.on_grey(preview.frames[index], preview.width, preview.height)))
                  for index, subject in enumerate(subjects_of(preview, folders, progress))])


def show_light(preview: PreviewRequest, folders: Folders, progress: Progress) -> PreviewResult:
    """The light map that sampling starts from or, with fbc and no background, the one that serves as background."""
    request = preview.request
    if request.iclight is None:
        raise RelightError("`iclight` is missing: it says where the light comes from; add it, for example {\"light\": \"left\"}.")
    check_images(request, is_img2img=True, folders=folders)  # the light is the same with any subject
    kind = kind_of(request, folders)
    light_kind = "fbc" if kind == "fbc" and request.images.background is None else "fc"
    light = images_of.light_map(request.iclight, request.images, light_kind, preview.frames.first, preview.width,
                                preview.height)
    return PreviewResult([("light map", Image.fromarray(light))], {"kind": kind})


def kind_of(request: RelightRequest, folders: Folders) -> str:
    """The model's kind; what `model` says where no file has been put in place yet."""
    has_background = request.images.background is not None
    try:
        return iclight_files.resolve(request.iclight.model, has_background, folders("iclight"))[1].kind
    except RelightError:
        return "fbc" if request.iclight.model == "fbc" or (request.iclight.model == "auto" and has_background) else "fc"


def show_crop(preview: PreviewRequest, folders: Folders, progress: Progress) -> PreviewResult:
    """What the image encoder sees of every picture of the units, and the faces that FaceID reads."""
    units = preview.request.units
    if not units or (preview.unit or 1) > len(units):
        raise RelightError(f"`ip_adapter` has {len(units)} enabled units, so there is no picture to show; add a unit with "
                           "`model` and `image`.")
    chosen = [(number, unit) for number, unit in enumerate(units, 1) if preview.unit in (None, number)]
    images, encoders = [], {}
    for number, unit in chosen:
        views, encoders[str(number)] = encoder_preview.views(with_subjects(unit, preview, folders, progress), folders, progress)
        images += [(f"unit {number}, {name}", picture) for name, picture in views]
    return PreviewResult(images, {"encoders": encoders})


def with_subjects(unit: IpUnit, preview: PreviewRequest, folders: Folders, progress: Progress) -> IpUnit:
    return resolve_unit_images(unit, subjects_of(preview, folders, progress)) if SUBJECT in unit.images else unit


KINDS = {"matte": show_matte, "foreground": show_foreground, "light": show_light, "crop": show_crop}
