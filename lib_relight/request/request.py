"""One job's request: parameters and pictures, read from the API's dict."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, fields

from PIL import Image

from ...lib_iclight.lights import check_lights
from ...lib_iclight.params import IMAGE_FIELDS, IcLightParams, params_from_dict, refuse_unknown
from ..base.errors import RelightError
from .images import decode_image, is_given
from .ip_adapter_unit import IpUnit, is_enabled, parse_units


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
    extras: bool = False


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
    return RelightRequest(params, images, units, bool(params and params.extras)) if params or units else None


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
