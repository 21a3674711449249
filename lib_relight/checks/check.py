"""What a job would refuse, and what would stay without effect in it: one sentence each, before Generate is pressed."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

from PIL import Image

from ...lib_iclight import light_map
from ...lib_iclight.params import MATTINGS, IcLightParams
from ...lib_ipadapter.encode.adapter import inspect_adapter
from ...lib_ipadapter.files.variants import check_unet
from ..base.errors import USER_ERRORS, RelightError
from ..models import iclight_files, ip_adapter_files
from ..models.checkpoint import Checkpoint
from ..request.ip_adapter_unit import MAX_UNITS, IpUnit
from ..request.panel_values import parse_panel, unit_name
from ..request.request import RelightRequest, check_request, parse_api
from . import iclight_checks, ip_adapter_checks

STAND_IN = Image.new("RGB", (64, 64))
"""For a picture of which only its presence is known."""
JOB_FIELDS = ("tab", "denoising_strength", "enable_hr", "init_images")
"""What /check takes of the job beside `iclight` and `ip_adapter`."""


@dataclass(frozen=True)
class State:
    """What is known of the host and of the job around the request. None: not known, nothing is said about it.

    has_picture: img2img shows one. can_cut_out: a matting model can be run.
    """

    is_img2img: bool = False
    checkpoint: Checkpoint | None = None
    denoise: float | None = None
    has_hires: bool | None = None
    has_picture: bool | None = None
    can_cut_out: bool = True


def warnings_of(request: RelightRequest, state: State) -> list[str]:
    """What the job would do otherwise than it looks; each sentence with the way out. The job is not refused for it."""
    found = [*light_warnings(request, state)] if request.iclight else []
    return [*found, *unit_warnings(request.units, state)]


def light_warnings(request: RelightRequest, state: State) -> Iterator[str]:
    params, images = request.iclight, request.images
    has_light = light_map.has_light(params)
    if state.is_img2img and state.denoise is not None and state.denoise < iclight_checks.WEAK_DENOISE:
        if has_light and not (params.model == "fbc" and images.background is None):
            yield iclight_checks.weak_denoise(state.denoise)
        elif not has_light:
            yield (f"`light` is none and the denoising strength {state.denoise:g}: the picture keeps most of its own light; "
                   "choose a light, or set the strength to 0.9 or more.")
    if params.reinforce and not has_light:
        yield "`reinforce` works on the light map, and there is none; choose a `light`, or set `reinforce` to 0."
    if params.background_flip and images.background is None:
        yield "`background_flip` has no background to flip; give a `background`, or switch it off."
    if params.hr_option == "high" and state.has_hires is False:
        yield ("`hr_option` is 'high', but Hires fix is off: nothing would be relit; switch it on, or set `hr_option` to "
               "'both'.")
    yield from matte_warnings(params, state)


def matte_warnings(params: IcLightParams, state: State) -> Iterator[str]:
    tools = [name for name in ("matte_threshold", "matte_grow", "matte_feather") if getattr(params, name)]
    if params.matting == "none" and tools:
        yield f"`{tools[0]}` has no matte to work on, because `matting` is 'none'; choose another matting, or set it to 0."
    if params.matting == "none" and params.keep_background:
        yield "`keep_background` needs a matte to know the background by, but `matting` is 'none'; choose another matting."
    if not state.can_cut_out and (params.matting == "auto" or params.matting not in MATTINGS):
        yield ("Cutting out is off, because rembg is not installed and nothing may be installed; give a picture with "
               "transparency or a mask, or set `matting` to 'none'.")


def unit_warnings(units: tuple[IpUnit, ...], state: State) -> Iterator[str]:
    for unit in units:
        if unit.params.weight == 0:
            yield f"The unit {unit.params.model!r} has `weight` 0 and does nothing; raise it, or switch the unit off."
    if state.has_hires is False:
        yield from ip_adapter_checks.of_job(units, has_hires=False)


def errors_of(request: RelightRequest, state: State, folders: Callable[[str], list[Path]]) -> list[str]:
    """Every sentence that the job would stop with, in the order in which it would find them; files are looked at by header."""
    checks = [lambda: check_request(request, state.is_img2img)]
    if request.iclight is not None:
        checks += [lambda: check_model(request, folders), lambda: check_picture(request, state),
                   lambda: check_light_checkpoint(state.checkpoint)]
    checks += [lambda unit=unit: check_unit(unit, request, state.checkpoint, folders) for unit in request.units]
    sentences = []
    for check in checks:
        try:
            check()
        except USER_ERRORS as error:
            sentences.append(str(error))
    return list(dict.fromkeys(sentences))


def check_model(request: RelightRequest, folders) -> None:
    has_background = request.images.background is not None
    info = iclight_files.resolve(request.iclight.model, has_background, folders("iclight"))[1]
    iclight_checks.check_kind(info.kind, request.iclight, request.images)


def check_picture(request: RelightRequest, state: State) -> None:
    if state.is_img2img and state.has_picture is False and request.images.foreground is None:
        raise RelightError(iclight_checks.NO_PICTURE)


def check_light_checkpoint(checkpoint: Checkpoint | None) -> None:
    if checkpoint is None or checkpoint.family == "unknown":
        return
    if checkpoint.family == "iclight":
        raise RelightError(iclight_checks.iclight_as_checkpoint(checkpoint.name))
    iclight_checks.check_checkpoint(checkpoint.family, checkpoint.in_channels)


def check_unit(unit: IpUnit, request: RelightRequest, checkpoint: Checkpoint | None, folders) -> None:
    variant = inspect_adapter(ip_adapter_files.resolve(unit.params.model, folders("ipadapter")), unit.params.family)
    ip_adapter_files.encoder_for(variant, folders("clip_vision"))
    if unit.uses_subject and request.iclight is None:
        raise RelightError(iclight_checks.SUBJECT_WITHOUT_LIGHT)
    if checkpoint is not None and checkpoint.layers:
        check_unet(variant, checkpoint.layers, checkpoint.cross)


def check_body(body: Mapping, state: Callable[..., State], folders) -> dict:
    """POST /check: {"errors": [...], "warnings": [...]} for a job's `iclight` and `ip_adapter`, with JOB_FIELDS around them.

    state: makes the State of the host as it is now, from what the body says.
    """
    try:
        request = parse_api({name: value for name, value in body.items() if name not in JOB_FIELDS})
    except USER_ERRORS as error:
        return {"errors": [str(error)], "warnings": []}
    if request is None:
        return {"errors": [], "warnings": []}
    is_img2img = body.get("tab") == "img2img"
    around = state(is_img2img=is_img2img, denoise=number(body.get("denoising_strength")),
                   has_hires=bool(body["enable_hr"]) if "enable_hr" in body else None,
                   has_picture=bool(body.get("init_images")) if is_img2img else None)
    return {"errors": errors_of(request, around, folders), "warnings": warnings_of(request, around)}


def number(value) -> float | None:
    return float(value) if isinstance(value, (int, float)) and not isinstance(value, bool) else None


def check_panel(values: Mapping, given: set[str], state: State, folders) -> tuple[list[str], list[str]]:
    """(errors, warnings) of the panel as it stands. values: without pictures. given: the picture fields that hold one."""
    if not values.get("enabled"):
        return [], []
    more = {unit_name(unit, "more"): unit_name(unit, "image") for unit in range(1, MAX_UNITS + 1)}
    filled = {**values, **{more.get(name, name): STAND_IN for name in given}}
    try:
        request = parse_panel(filled)
    except USER_ERRORS as error:
        return [str(error)], []
    return errors_of(request, state, folders), warnings_of(request, state)
