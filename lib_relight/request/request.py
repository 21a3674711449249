"""The request of one job, parsed from the API's dict: parameters, images and units."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, fields

from ...lib_common.fields import reject_unknown, short_repr
from ...lib_iclight.params import API_IMAGE_FIELDS, IMAGE_FIELDS, IcLightParams, params_from_dict
from ..base.errors import RelightError
from .images import DecodedImage, ImageDecoder, is_given, reject_invisible
from .ip_adapter_unit import IpUnit, is_enabled, parse_units

TABS = ("txt2img", "img2img")
FROM_MATTE = "matte"
"""The value of `normal_map` that names its default, the shape of the matte."""


@dataclass(frozen=True)
class IcLightImages:
    """The images of one request, decoded; None where not given. background and light_map are flattened onto grey 127."""

    foreground: DecodedImage | None = None
    background: DecodedImage | None = None
    light_map: DecodedImage | None = None
    mask: DecodedImage | None = None
    normal_map: DecodedImage | None = None
    light_from: DecodedImage | None = None


@dataclass(frozen=True)
class RelightRequest:
    iclight: IcLightParams | None = None
    images: IcLightImages = field(default_factory=IcLightImages)
    units: tuple[IpUnit, ...] = ()
    extras: bool = False


def parse_api(payload: Mapping, decoder: ImageDecoder | None = None) -> RelightRequest | None:
    """Parse {"iclight": {...}, "ip_adapter": [{...}], "enabled": true}. Present means enabled unless "enabled" is false.

    decoder: one that has decoded other images of the same request.
    """
    decoder = decoder or ImageDecoder()
    reject_unknown(payload, ("enabled", "iclight", "ip_adapter"), "Relight", RelightError)
    if not is_enabled(payload, "Relight"):
        return None
    if payload.get("iclight") is None and payload.get("ip_adapter") in (None, [], ()):
        raise RelightError("`Relight` names nothing to do; add `iclight`, for example {\"iclight\": {\"light\": \"left\"}}, "
                           "or `ip_adapter`.")
    params, images = parse_iclight(payload.get("iclight"), decoder)
    units = parse_units(payload.get("ip_adapter"), decoder)
    return RelightRequest(params, images, units, bool(params and params.extras)) if params or units else None


def parse_tab(tab: object) -> str:
    if tab not in TABS:
        raise RelightError(f"`tab` is {short_repr(tab)}; it must be {' or '.join(TABS)}.")
    return str(tab)


def parse_iclight(body: object, decoder: ImageDecoder) -> tuple[IcLightParams | None, IcLightImages]:
    if body is None:
        return None, IcLightImages()
    if not isinstance(body, Mapping):
        raise RelightError(f"`iclight` is {type(body).__name__}; it must be an object such as {{\"light\": \"left\"}}.")
    if not is_enabled(body, "iclight"):
        return None, IcLightImages()
    known = [f.name for f in fields(IcLightParams)]
    reject_unknown(body, [*known, *IMAGE_FIELDS, *API_IMAGE_FIELDS, "enabled"], "iclight", RelightError)
    return params_from_dict({name: body[name] for name in known if name in body}), decode_images(body, decoder)


def decode_images(body: Mapping, decoder: ImageDecoder) -> IcLightImages:
    names = [name for name in (*IMAGE_FIELDS, *API_IMAGE_FIELDS)
             if is_given(body.get(name)) and not is_from_matte(name, body[name])]
    images = {name: decoder.decode(body[name], name) for name in names}
    flat = {name: reject_invisible(image).flattened() for name, image in images.items() if name in ("background", "light_map")}
    return IcLightImages(**{**images, **flat})


def is_from_matte(name: str, value: object) -> bool:
    return name == "normal_map" and isinstance(value, str) and value == FROM_MATTE
