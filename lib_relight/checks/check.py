"""Checks a whole request before its job: every error that would stop it, every field that would have no effect."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Iterator, Mapping
from dataclasses import dataclass, fields, replace

import numpy as np

from ...lib_common.fields import short_repr
from ...lib_iclight.light_sets import set_size
from ..base.errors import RelightError, UserError
from ..request.images import DecodedImage, ImageDecoder, is_given, several_frames
from ..request.ip_adapter_unit import MAX_UNITS
from ..request.panel_values import ARGS_FORM, PanelParts, parse_panel_parts, parse_request, unit_name
from ..request.request import TABS, RelightRequest, parse_api, parse_tab
from .iclight_checks import iclight_messages, is_like_mask
from .ip_adapter_checks import ip_adapter_messages
from .messages import Level, Message, State, error, from_error, number, scalar, warning


def check(request: RelightRequest, state: State) -> list[Message]:
    """Return the messages of a request, errors first; model files are read by header, nothing is loaded or computed."""
    found = [*refiner_messages(state), *init_image_messages(state), *animation_messages(request, state)]
    if request.iclight is not None:
        found += iclight_messages(request, state)
        state = replace(state, set_size=set_size(request.iclight))
    found += ip_adapter_messages(request, state)
    return errors_first(found)


def errors_first(messages: Iterable[Message]) -> list[Message]:
    """Return each sentence once, errors before warnings."""
    once: dict[str, Message] = {}
    for message in messages:
        once.setdefault(message.sentence, message)
    return sorted(once.values(), key=lambda message: message.level != Level.ERROR)


def refiner_messages(state: State) -> Iterator[Message]:
    if state.refiner not in (None, "", "None", "none"):
        yield error("refiner_checkpoint", scalar(state.refiner),
                    "Relight cannot work together with a refiner, which exchanges the model while sampling; set the refiner to "
                    "None.")


def init_image_messages(state: State) -> Iterator[Message]:
    """Yield an error for more img2img images than a batch has; the hosts would end the job with an internal error."""
    count, size = state.init_images, state.batch_size
    if state.is_img2img and count is not None and size is not None and count > max(size, 1):
        yield error("init_images", count, f"img2img has {count} images, but the batch size is {size:g}; set the batch size to "
                                          f"{count}, or send fewer images.")


def animation_messages(request: RelightRequest, state: State) -> Iterator[Message]:
    """Yield a warning for each animation and each file of several pages, of which only the first is used."""
    images = [getattr(request.images, item.name) for item in fields(request.images)]
    for unit in request.units:
        images += [*unit.images, *unit.masks, *unit.image_masks, unit.negative_image]
    frames = [(image.name, image.frames) for image in images if isinstance(image, DecodedImage)]
    uses_init = state.is_img2img and request.iclight is not None and request.images.foreground is None
    for name, count in [*frames, ("init_images", state.init_frames if uses_init else 1)]:
        if count > 1:
            yield warning(name, None, several_frames(name, count))


def check_body(body: Mapping, state: Callable[..., State], job_fields: Collection[str]) -> dict:
    """Answer POST /check: {"errors": [...], "warnings": [...]}, each a list of {"field", "value", "sentence"}.

    body: a job of the host, or `iclight` and `ip_adapter` in place of `alwayson_scripts`; `tab` names the job's route.
    state: returns the host's State with these fields of the body. job_fields: names of the host's own fields.
    """
    try:
        is_img2img = parse_tab(body.get("tab") or TABS["init_images" in body]) == "img2img"
        request = parse_job(body, job_fields)
    except UserError as error:
        return answer([from_error(error)], body)
    if request is None:
        return answer([], body)
    return answer(check(request, state(
        is_img2img=is_img2img, denoise=number(body.get("denoising_strength")), batch_size=number(body.get("batch_size")),
        cfg_scale=number(body.get("cfg_scale")), refiner=body.get("refiner_checkpoint"),
        has_hires=bool(body["enable_hr"]) if "enable_hr" in body else None,
        **init_image_state(body) if is_img2img else {})), body)


def init_image_state(body: Mapping) -> dict:
    """Return what the checks know from the init images: their number, and from the first its kind, unless it is no image."""
    images = body.get("init_images") or []
    images = images if isinstance(images, list) else [images]
    known = {"init_images": len(images)}
    try:
        init = ImageDecoder().decode(images[0], "init_images") if images else None
    except UserError:
        init = None
    if init is None:
        return known
    is_part = is_given(body.get("mask")) and bool(body.get("inpaint_full_res", True))
    return {**known, "init_is_cut_out": init.alpha is not None, "init_is_like_mask": is_like_mask(init),
            "init_frames": init.frames, "part_of": init.size if is_part else None}


def parse_job(body: Mapping, job_fields: Collection[str]) -> RelightRequest | None:
    """Parse the request in a job's `alwayson_scripts`, or else the one beside the job's fields."""
    args = args_of(body.get("alwayson_scripts"))
    if args is None:
        return parse_api({name: value for name, value in body.items() if name != "tab" and name not in job_fields})
    for name in ("iclight", "ip_adapter"):
        if name in body:
            raise RelightError(f"`{name}` is given twice, in `alwayson_scripts` and beside it; keep one of them.")
    return parse_request(args)


def args_of(scripts: object) -> list | None:
    """Return `args` of Relight in `alwayson_scripts`, None if Relight is not among them."""
    found = [entry for title, entry in scripts.items() if title.lower() == "relight"] if isinstance(scripts, Mapping) else []
    if not found:
        return None
    args = found[0].get("args", []) if isinstance(found[0], Mapping) else None
    if not isinstance(args, list):
        raise RelightError(f"`Relight` in `alwayson_scripts` is {short_repr(found[0])}; {ARGS_FORM}.")
    return args


def answer(messages: list[Message], body: Mapping) -> dict:
    complete = [message if message.value is not None else replace(message, value=value_in(body, message.field))
                for message in messages]
    return {key: [message.to_json() for message in complete if message.level == level]
            for key, level in (("errors", Level.ERROR), ("warnings", Level.WARNING))}


def value_in(body: Mapping, field: str | None) -> object:
    """Return a field's scalar value in `iclight` or `ip_adapter`; None if it is missing or in several of them."""
    units = body.get("ip_adapter")
    parts = [body.get("iclight"), *(units if isinstance(units, list) else [units])]
    values = [part[field] for part in parts if isinstance(part, Mapping) and field in part]
    return scalar(values[0]) if len(values) == 1 else None


@dataclass(frozen=True)
class PanelImage:
    """What the page tells about an image that it does not send. size: (width, height) in pixels."""

    size: tuple[int, int] = (64, 64)
    is_cut_out: bool = False
    is_like_mask: bool = False

    def decoded(self) -> DecodedImage:
        """Return an image of this size and kind whose pixels take no memory."""
        width, height = self.size
        alpha = np.broadcast_to(np.float32(0.5), (height, width)) if self.is_cut_out else None
        return DecodedImage(np.broadcast_to(np.uint8(0 if self.is_like_mask else 128), (height, width, 3)), alpha)


def check_panel(values: Mapping, given: Mapping[str, PanelImage], state: State) -> list[Message]:
    """Return the messages of the panel. values: without images. given: the image fields that are not empty."""
    if not values.get("enabled"):
        return []
    more = {unit_name(unit, "more"): unit_name(unit, "image") for unit in range(1, MAX_UNITS + 1)}
    filled = {**values, **{more.get(name, name): image.decoded() for name, image in given.items()}}
    parts = parse_panel_parts(filled)
    found = [from_error(error) for error in parts.errors]
    if values.get("iclight") and parts.request.iclight is None:
        return found
    has_more = any(name.endswith("_more") for name in given)
    found += [message for message in panel_messages(parts, state) if not (has_more and message.field == "image_weights")]
    return errors_first(found)


def panel_messages(parts: PanelParts, state: State) -> Iterator[Message]:
    """Yield the messages of the valid parts; those of a unit name its tab.

    The job and /check also check the refiner, the number of img2img images, and animations.
    """
    if parts.request.iclight is not None:
        yield from iclight_messages(parts.request, state)
    for tab, unit in zip(parts.numbers, parts.request.units):
        for message in ip_adapter_messages(replace(parts.request, units=(unit,)), state):
            yield replace(message, sentence=f"Image {tab}: {message.sentence}")
