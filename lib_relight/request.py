"""One job's request: parameters and pictures, from the API's dict or from the panel's positional values."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, fields, replace

from PIL import Image

from ..lib_iclight.lights import check_lights
from ..lib_iclight.params import IMAGE_FIELDS, IcLightParams, params_from_dict, refuse_unknown
from .images import decode_image, is_given
from .ip_request import IpUnit, is_enabled, parse_units
from .messages import RelightError

PANEL_FIELDS = tuple(f.name for f in fields(IcLightParams) if f.metadata.get("panel", True))
PANEL_ORDER = ("enabled", *IMAGE_FIELDS, *PANEL_FIELDS)
"""The order of the panel's values, which is that of `ui()`'s list."""


@dataclass(frozen=True)
class IcLightImages:
    """The pictures of one request, decoded; None where not given."""

    foreground: Image.Image | None = None
    background: Image.Image | None = None
    light_map: Image.Image | None = None
    mask: Image.Image | None = None


@dataclass(frozen=True)
class RelightRequest:
    iclight: IcLightParams | None = None
    images: IcLightImages = field(default_factory=IcLightImages)
    units: tuple[IpUnit, ...] = ()


def parse_request(args: Sequence, is_img2img: bool) -> RelightRequest | None:
    """The request, or None when Relight is off for this job. args: what the host hands to every hook.

    Raises RelightError or IcLightError for the first thing that is wrong.
    """
    if args and isinstance(args[0], Mapping):
        return check_request(parse_api(args[0]), is_img2img)
    values = dict(zip(PANEL_ORDER, args))
    if not values.get("enabled"):
        return None
    return check_request(parse_panel(values), is_img2img)


def parse_api(payload: Mapping) -> RelightRequest | None:
    """payload: {"iclight": {...}, "ip_adapter": [{...}], "enabled": true}. Present means enabled unless "enabled" is false."""
    refuse_unknown(payload, ("enabled", "iclight", "ip_adapter"), "Relight")
    if not is_enabled(payload, "Relight"):
        return None
    if payload.get("iclight") is None and not payload.get("ip_adapter"):
        raise RelightError("`Relight` names nothing to do; add `iclight`, for example {\"iclight\": {\"light\": \"left\"}}, "
                           "or `ip_adapter`.")
    params, images = parse_iclight(payload.get("iclight"))
    units = parse_units(payload.get("ip_adapter"))
    return RelightRequest(params, images, units) if params or units else None


def parse_iclight(body) -> tuple[IcLightParams | None, IcLightImages]:
    if body is None:
        return None, IcLightImages()
    if not isinstance(body, Mapping):
        raise RelightError(f"`iclight` is {type(body).__name__}; it must be an object such as {{\"light\": \"left\"}}.")
    if not is_enabled(body, "iclight"):
        return None, IcLightImages()
    known = [f.name for f in fields(IcLightParams)]
    refuse_unknown(body, [*known, *IMAGE_FIELDS, "enabled"], "iclight")
    return params_from_dict({name: body[name] for name in known if name in body}), decode_images(body)


def parse_panel(values: Mapping) -> RelightRequest:
    """The panel keeps pictures that its present choices do not use (a light map while light is left): those are left out."""
    params = IcLightParams(**{name: values[name] for name in PANEL_FIELDS if name in values})
    if params.extras is None:
        params = replace(params, extras=True)
    unused = {"light_map": params.light != "custom", "mask": params.matting != "mask"}
    pictures = {name: values.get(name) for name in IMAGE_FIELDS if not unused.get(name)}
    return RelightRequest(params, decode_images(pictures))


def decode_images(body: Mapping) -> IcLightImages:
    pictures = {name: decode_image(body[name], name) for name in IMAGE_FIELDS if is_given(body.get(name))}
    return IcLightImages(**pictures)


def check_request(request: RelightRequest | None, is_img2img: bool) -> RelightRequest | None:
    """What no single field can say: pictures that must be there, and pictures that nothing would use."""
    if request is None or request.iclight is None:
        return request
    params, images = request.iclight, request.images
    check_lights(params)
    if images.foreground is None and not is_img2img:
        raise RelightError("`foreground` is missing: txt2img needs the subject's picture; add one, or use img2img.")
    if params.light == "custom" and images.light_map is None:
        raise RelightError("`light` is 'custom' but `light_map` is missing; add the map or choose another light.")
    if params.light != "custom" and images.light_map is not None:
        raise RelightError(f"`light_map` is given but `light` is {params.light!r}; set `light` to 'custom' to use it.")
    if params.matting == "mask" and images.mask is None:
        raise RelightError("`matting` is 'mask' but `mask` is missing; add the mask or choose another matting.")
    if params.matting not in ("mask", "auto") and images.mask is not None:
        raise RelightError(f"`mask` is given but `matting` is {params.matting!r}; set `matting` to 'mask' to use it.")
    return request
