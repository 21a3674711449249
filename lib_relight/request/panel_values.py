"""The panel's positional values: their order, and how they are parsed into a request."""

from __future__ import annotations

import json
import os
import tempfile
from collections.abc import Mapping, Sequence
from dataclasses import fields
from pathlib import Path
from typing import NamedTuple

from ...lib_common.fields import short_repr
from ...lib_iclight.params import IMAGE_FIELDS, IcLightParams
from ...lib_ipadapter.params import IpAdapterParams
from ..base.errors import RelightError, UserError
from .images import ImageDecoder, is_given
from .ip_adapter_unit import MAX_UNITS, SUBJECT, IpUnit, parse_unit
from .request import IcLightImages, RelightRequest, decode_images, parse_api

ICLIGHT_PANEL_FIELDS = tuple(f.name for f in fields(IcLightParams) if f.metadata.get("panel", True))
UNIT_PANEL_FIELDS = tuple(f.name for f in fields(IpAdapterParams) if f.metadata.get("panel", True))
ICLIGHT_SCHEMA = {item.name: item for item in fields(IcLightParams)}
UNIT_SCHEMA = {item.name: item for item in fields(IpAdapterParams)}
UNIT_PANEL_NAMES = ("enabled", "use_subject", "image", "more", "mask", "image_mask", "negative_image", *UNIT_PANEL_FIELDS)


def unit_name(number: int, name: str) -> str:
    return f"unit{number}_{name}"


PANEL_ORDER = ("enabled", "iclight", *IMAGE_FIELDS, *ICLIGHT_PANEL_FIELDS,
               *(unit_name(number, name) for number in range(1, MAX_UNITS + 1) for name in UNIT_PANEL_NAMES))
"""Field names in the order of the components that `ui()` returns."""


ARGS_FORM = "send one object, such as {\"args\": [{\"iclight\": {\"light\": \"left\"}}]}"


def parse_request(args: Sequence) -> RelightRequest | None:
    """Parse the arguments of the script's hooks: one object from the API, or the panel's values in PANEL_ORDER.

    Returns None if Relight is disabled. Raises a user error for the first invalid value.
    """
    if args and isinstance(args[0], Mapping):
        if more := [value for value in args[1:] if isinstance(value, Mapping)]:
            raise RelightError(f"`args` of Relight holds {1 + len(more)} objects; {ARGS_FORM}.")
        return parse_api(args[0])
    if args and not isinstance(args[0], bool):
        raise RelightError(f"`args` of Relight begins with {short_repr(args[0])}; {ARGS_FORM}.")
    values = dict(zip(PANEL_ORDER, args))
    return parse_panel(values) if values.get("enabled") else None


class PanelParts(NamedTuple):
    """request: of the valid parts; numbers: of its units, from 1; errors: of the other parts."""

    request: RelightRequest
    numbers: tuple[int, ...]
    errors: list[UserError]


def parse_panel(values: Mapping) -> RelightRequest:
    """Parse the panel's values. Raises a user error for the first invalid part."""
    parts = parse_panel_parts(values)
    if parts.errors:
        raise parts.errors[0]
    return parts.request


def parse_panel_parts(values: Mapping) -> PanelParts:
    """Parse the Light tab and each unit's tab for itself; an error of a unit names its tab."""
    decoder, errors, units = ImageDecoder(), [], {}
    params, images = None, IcLightImages()
    try:
        if values.get("iclight"):
            params, images = panel_light(values, decoder)
    except UserError as error:
        errors.append(error)
    for number in range(1, MAX_UNITS + 1):
        try:
            if (unit := panel_unit(values, number, decoder)) is not None:
                units[number] = unit
        except UserError as error:
            errors.append(RelightError(f"Image {number}: {error}"))
    if not errors and params is None and not units:
        errors.append(RelightError("Relight is on, but neither IC-Light nor an IP-Adapter unit is enabled; enable one, or close "
                                   "Relight."))
    request = RelightRequest(params, images, tuple(units.values()), values.get("extras") is not False)
    return PanelParts(request, tuple(units), errors)


def panel_light(values: Mapping, decoder: ImageDecoder) -> tuple[IcLightParams, IcLightImages]:
    """Parse the Light tab. Images that the current choices do not use are dropped (a light map while `light` is left)."""
    schema = [item for item in fields(IcLightParams) if item.name in ICLIGHT_PANEL_FIELDS]
    params = IcLightParams(**{item.name: panel_value(item, values[item.name]) for item in schema})
    unused = {"light_map": params.light != "custom", "mask": params.matting != "mask"}
    return params, decode_images({name: values.get(name) for name in IMAGE_FIELDS if not unused.get(name)}, decoder)


def panel_value(item, value):
    """Parse a panel value: optional numbers and lists of numbers are texts there; "" is None, "1, 0.5" a list."""
    if item.name == "lights" and isinstance(value, str):
        return lights_from_text(value)
    if item.type not in ("float | None", "tuple") or not isinstance(value, str):
        return value
    try:
        numbers = [float(part) for part in value.replace(",", " ").split()]
    except ValueError:
        numbers = None
    if numbers is None or item.type != "tuple" and len(numbers) > 1:
        wanted = "numbers such as 1, 0.5" if item.type == "tuple" else "a number"
        raise RelightError(f"`{item.name}` is {short_repr(value)}; it must be {wanted}, or empty.")
    return numbers if item.type == "tuple" else numbers[0] if numbers else None


def lights_from_text(text: str) -> list:
    """Parse `lights` from the panel or the infotext: a JSON list, or an empty text. Raises RelightError."""
    try:
        lights = json.loads(text or "[]")
    except ValueError:
        lights = None
    if not isinstance(lights, list):
        raise RelightError(f"`lights` is {short_repr(text)}; it must be a JSON list of lights, such as "
                           '[{"light": "left"}], or empty.')
    return lights


def uploaded(file: object) -> Path:
    """Return the path of a file component's value. Raises RelightError for one outside of gradio's upload folder, so that
    a request cannot read other files of the server."""
    folder = Path(os.environ.get("GRADIO_TEMP_DIR") or Path(tempfile.gettempdir()) / "gradio").resolve()
    try:
        path = Path(str(getattr(file, "name", file))).resolve()
    except ValueError:  # a null character
        path = Path()
    if not path.is_relative_to(folder):
        raise RelightError("`image` names a file that was not uploaded in the page; upload it there, or send it as base64.")
    return path


def panel_unit(values: Mapping, number: int, decoder: ImageDecoder) -> IpUnit | None:
    unit = {name: values.get(unit_name(number, name)) for name in UNIT_PANEL_NAMES}
    if not unit.pop("enabled"):
        return None
    images = [SUBJECT] if unit.pop("use_subject") else []
    images += [unit["image"]] if is_given(unit["image"]) else []
    images += [decoder.decode_file(uploaded(file), "image") for file in unit.pop("more") or []]
    for item in fields(IpAdapterParams):
        unit[item.name] = panel_value(item, unit[item.name])
    given = {name: value for name, value in unit.items() if value is not None and value is not False and value != ""}
    return parse_unit({**given, "image": images}, decoder)
