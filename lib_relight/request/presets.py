"""Fields of a preset: the panel's fields except images, validated when stored and when loaded."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import Field

from ...lib_common.fields import printable, reject_unknown, short_repr
from ...lib_iclight.params import IMAGE_FIELDS, IcLightParams
from ...lib_ipadapter import params as ip_params
from ..base.errors import RelightError, UserError
from .ip_adapter_unit import MAX_UNITS
from .panel_values import ICLIGHT_SCHEMA, PANEL_ORDER, UNIT_SCHEMA, panel_value, unit_name

VERSION = 1
LONGEST_NAME = 60
NOT_IN_NAMES = '/\\"<>|\n\r\t'
PRESET_IMAGES = {*IMAGE_FIELDS, *(unit_name(number, name) for number in range(1, MAX_UNITS + 1)
                                  for name in ("image", "more", "mask", "image_mask", "negative_image"))}
PRESET_FIELDS = tuple(name for name in PANEL_ORDER if name not in PRESET_IMAGES and name != "enabled")
"""Field names of a preset in the panel's order; `enabled` is not stored."""


def item_of(name: str) -> Field | None:
    """Return the schema field of a panel name, or None for the panel's own checkboxes (iclight, unit1_enabled, …)."""
    unit, _, rest = name.partition("_")
    return UNIT_SCHEMA.get(rest) if unit.startswith("unit") else ICLIGHT_SCHEMA.get(name)


def default_value(name: str) -> object:
    """Return the panel's default of a field, for presets without it."""
    item = item_of(name)
    if item is None:
        return name == "iclight"
    if item.default is None or item.default == ():
        return True if "bool" in item.type else ""
    return item.default


def check_field(name: str, value: object) -> None:
    """Raise the schema's validation error for an invalid value."""
    item = item_of(name)
    if item is None:
        if not isinstance(value, bool):
            raise RelightError(f"`{name}` is {short_repr(value)}; it must be true or false.")
    elif name in ICLIGHT_SCHEMA:
        IcLightParams(**{name: panel_value(item, value)})
    else:
        ip_params.IpAdapterParams.check(item.name, panel_value(item, value))


def check_name(name: object) -> str:
    """Return the stripped name. Raises RelightError for one that does not fit into a file, a URL or a menu."""
    clean = name.strip() if isinstance(name, str) else ""
    if not clean:
        raise RelightError("The preset has no name; write one, for example `evening window`.")
    if len(clean) > LONGEST_NAME:
        raise RelightError(f"The preset's name has {len(clean)} characters; use at most {LONGEST_NAME}.")
    if bad := [mark for mark in clean if mark in NOT_IN_NAMES or not mark.isprintable()]:
        raise RelightError(f"The preset's name has {bad[0]!r} in it; use letters, numbers, blanks and signs such as - or _.")
    return clean


def check_fields(values: object, version: int = VERSION) -> dict:
    """Return the validated values. Unknown fields are kept only if a newer version wrote them, otherwise rejected."""
    if not isinstance(values, Mapping):
        raise RelightError(f"The preset is {type(values).__name__}; it must be an object such as {{\"light\": \"left\"}}.")
    if images := [name for name in values if name in PRESET_IMAGES]:
        raise RelightError(f"`{images[0]}` is an image, and presets hold none; leave it out.")
    if version <= VERSION:
        reject_unknown(values, PRESET_FIELDS, "preset", RelightError)
    for name in PRESET_FIELDS:
        if name in values:
            check_field(name, values[name])
    if unprintable := [name for name, value in values.items() if isinstance(value, str) and printable(value) != value]:
        raise RelightError(f"`{unprintable[0]}` has a character that cannot be stored (a lone surrogate); remove it.")
    return dict(values)


def usable(values: Mapping) -> tuple[dict, list[str]]:
    """Return a stored preset as complete panel values, and a message for each invalid value that was replaced by the default."""
    result, remarks = {}, []
    for name in PRESET_FIELDS:
        result[name] = values.get(name, default_value(name))
        try:
            check_field(name, result[name])
        except UserError as error:
            if name in values:
                remarks.append(f"{error} The default was taken.")
            result[name] = default_value(name)
    return result, remarks
