"""Infotext of a relit image: writes the request's fields and reads them back into the panel."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, fields

from ...lib_common.fields import short_repr
from ...lib_iclight.params import API_IMAGE_FIELDS, IMAGE_FIELDS, LIGHT_FIELDS, SET_FIELDS, IcLightParams
from ..base.caches import content_hash
from ..base.log import logger
from .ip_adapter_unit import MAX_UNITS, SUBJECT, IpUnit
from .panel_values import ICLIGHT_PANEL_FIELDS, ICLIGHT_SCHEMA, UNIT_PANEL_FIELDS, UNIT_SCHEMA, unit_name
from .request import IcLightImages

MARKER = "Relight"
"""Infotext key of the report; present if Relight took part, with IC-Light, IP-Adapter or both."""
UNITS = "IP-Adapter"


@dataclass
class IcLightReport:
    """What was applied; its text is the value of MARKER."""

    kind: str
    accepted: int = 0
    offered: int = 0
    sizes: dict[str, None] = field(default_factory=dict)
    steps: tuple[int, int] | None = None

    def text(self, light: str) -> str:
        text = f"{self.kind}, {light}, {self.accepted}/{self.offered} weights, condition {' and '.join(self.sizes) or '-'}"
        return f"{text}, {self.steps[0]} steps run of {self.steps[1]}" if self.steps else text


def key_of(name: str) -> str:
    """Return the infotext key of an IC-Light field: light_start -> "Relight light start"."""
    return f"{MARKER} {name.replace('_', ' ')}"


def unit_key_of(number: int, name: str) -> str:
    """Return the infotext key of an IP-Adapter unit's field: 1, weight_type -> "Relight IP 1 weight type"."""
    return f"{MARKER} IP {number} {name.replace('_', ' ')}"


def changed_fields(params) -> dict[str, str]:
    """Return name -> text of every field that differs from its default."""
    values = {item.name: getattr(params, item.name) for item in fields(params) if getattr(params, item.name) != item.default}
    return {name: value_text(value) for name, value in values.items()}


def value_text(value) -> str:
    """Return a field's value as text: `0.5`, `1, 0.5` for a list of numbers, JSON for a list of lights."""
    if isinstance(value, tuple) and all(isinstance(part, float) for part in value):
        return ", ".join(map(value_text, value))
    if isinstance(value, tuple):
        return json.dumps(value)
    return f"{value:g}" if isinstance(value, float) else str(value)


def to_infotext(params: IcLightParams, images: IcLightImages) -> dict[str, str]:
    """Return one key per field that differs from its default, and a short hash of each given image."""
    pairs = {key_of(name): text for name, text in changed_fields(params).items() if name != "extras"}
    for name in (*IMAGE_FIELDS, *API_IMAGE_FIELDS):
        if (image := getattr(images, name)) is not None:
            pairs[key_of(f"{name} hash")] = image.digest[:10]
    return pairs


def with_set(text: str, params: IcLightParams, image: IcLightParams) -> str:
    """Return an image's infotext with the fields of its set behind it: pasted, it gives the whole set. "" stays empty.

    params: the request with the set.  image: the parameters of that image.
    """
    if not text:
        return text
    names = [name for name in (*SET_FIELDS, *LIGHT_FIELDS, "lights") if getattr(params, name) is not None
             and (name in changed_fields(params) or getattr(params, name) != getattr(image, name))]
    return ", ".join([text, *(f"{key_of(name)}: {quoted(value_text(getattr(params, name)))}" for name in names)])


def quoted(text: str) -> str:
    """Return a value as hosts write it: as JSON if it has a separator."""
    return json.dumps(text, ensure_ascii=False) if set(text) & set(",:\n") else text


def units_to_infotext(units: Sequence[IpUnit]) -> dict[str, str]:
    pairs = {}
    for number, unit in enumerate(units, 1):
        pairs.update({unit_key_of(number, name): text for name, text in changed_fields(unit.params).items()})
        if unit.uses_subject:
            pairs[unit_key_of(number, "use_subject")] = "True"
        if images := [image.pixels for image in unit.images if image is not SUBJECT]:
            pairs[unit_key_of(number, "image hash")] = content_hash(*images, digits=10)
    return pairs


def from_infotext(pairs: Mapping, key: str, item):
    """Return the field's value in a pasted infotext, or its default ("" for an empty number or list) if the key is missing.

    None, which keeps the panel's value, for a text that is no value of the field's type.
    """
    text = pairs.get(key)
    if text is None:
        return "" if item.type in ("float | None", "tuple", "tuple | None") else item.default
    try:
        return READERS.get(item.type.split(" |")[0], str)(text)
    except ValueError:
        logger.warning(f"`{key}` in the infotext is {short_repr(text)}, which cannot be read; the field is left as it is.")
        return None


def read_bool(text: object) -> bool:
    """Return True for "True", False for "False", in any case. Raises ValueError for anything else."""
    try:
        return {"true": True, "false": False}[str(text).lower()]
    except KeyError as error:
        raise ValueError(text) from error


READERS: dict[str, Callable] = {"float": float, "int": int, "bool": read_bool}
"""How a field's text is read, by the field's type; others are texts."""


def paste_fields() -> list[tuple[str, Callable[[Mapping], object]]]:
    """Return (panel name, function of the pasted pairs) of every panel field; the function returns None to keep the value."""
    def reader(name: str) -> Callable[[Mapping], object]:
        return lambda pairs: from_infotext(pairs, key_of(name), ICLIGHT_SCHEMA[name]) if has_light(pairs) else None

    relit = [(name, reader(name)) for name in ICLIGHT_PANEL_FIELDS if name != "extras"]
    relit.append(("iclight", lambda pairs: has_light(pairs) if MARKER in pairs else None))
    return relit + [field for number in range(1, MAX_UNITS + 1) for field in unit_paste_fields(number, UNIT_SCHEMA)]


def unit_paste_fields(number: int, items: Mapping) -> list[tuple[str, Callable[[Mapping], object]]]:
    model = unit_key_of(number, "model")
    schema_fields = [
        (unit_name(number, name),
         lambda pairs, name=name: from_infotext(pairs, unit_key_of(number, name), items[name]) if model in pairs else None)
        for name in UNIT_PANEL_FIELDS]
    enabled = (unit_name(number, "enabled"), lambda pairs: model in pairs if MARKER in pairs else None)
    subject = unit_key_of(number, "use_subject")
    uses = (unit_name(number, "use_subject"), lambda pairs: subject in pairs if model in pairs else None)
    return [enabled, uses, *schema_fields]


def has_light(pairs: Mapping) -> bool:
    """Return whether a pasted infotext reports IC-Light, not IP-Adapter alone."""
    return MARKER in pairs and not str(pairs[MARKER]).startswith(UNITS)
