"""X/Y/Z plot axes: override fields of the panel or of the API's dict for the job of one cell.

An axis stores its value on the cell's `p`; `overridden` applies it to the hook arguments before they are parsed.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

from ...lib_iclight.light_kinds import kinds_with
from ...lib_iclight.params import IcLightParams
from ...lib_ipadapter import params as ip_params
from ..base.errors import RelightError
from .ip_adapter_unit import is_enabled
from .panel_values import ICLIGHT_SCHEMA, PANEL_ORDER, UNIT_SCHEMA, unit_name

ATTRIBUTE = "relight_axes"
IMPLIED_LIGHT = {name: kinds_with(name)[0] for name in ICLIGHT_SCHEMA if kinds_with(name)}
"""An axis over a direction or position implies that kind of light, unless another axis sets `light`."""


@dataclass(frozen=True)
class Axis:
    """One entry of the X/Y/Z plot's lists. kind: float or str, as the plot reads its values."""

    name: str
    label: str
    kind: type
    of_unit: bool
    item: object

    def check(self, text) -> object:
        """Return the value in the field's type. Raises the schema's validation error for an invalid value."""
        value = self.from_text(text)
        return (ip_params.IpAdapterParams if self.of_unit else IcLightParams).check(self.name, value)

    def from_text(self, text):
        if "bool" in self.item.type and str(text).lower() in ("true", "false"):
            return str(text).lower() == "true"
        return text

    @property
    def key(self) -> str:
        return unit_name(1, self.name) if self.of_unit else self.name


def axes() -> list[Axis]:
    """Return every axis: IC-Light's first, then IP-Adapter's, which set the first unit."""
    def make(item, of_unit):
        kind = float if item.type.split(" |")[0] in ("float", "int") else str
        about = "Relight IP" if of_unit else "Relight"
        return Axis(item.name, f"[{about}] {item.metadata['label']}", kind, of_unit, item)

    return [make(item, of_unit) for schema, of_unit in ((ICLIGHT_SCHEMA, False), (UNIT_SCHEMA, True))
            for item in schema.values() if item.metadata.get("axis")]


def put(axis: Axis, p, value) -> None:
    """Store an axis value on p. Cells are shallow copies of one p, so the dict is replaced and not modified."""
    setattr(p, ATTRIBUTE, {**getattr(p, ATTRIBUTE, {}), axis.key: axis.check(value)})


def overridden(args: Sequence, p) -> Sequence:
    """Return args with the values of p's axes. Raises RelightError if the field's part of the request is disabled."""
    values = with_implied(getattr(p, ATTRIBUTE, {}))
    if not values:
        return args
    return [in_payload(args[0], values)] if args and isinstance(args[0], Mapping) else in_panel(args, values)


def with_implied(values: Mapping) -> dict:
    kinds = [IMPLIED_LIGHT[name] for name in values if name in IMPLIED_LIGHT]
    return {**values, "light": kinds[0]} if kinds and "light" not in values else dict(values)


def in_panel(args: Sequence, values: Mapping) -> list:
    panel = dict(zip(PANEL_ORDER, args))
    require(panel.get("enabled"), values, "Relight is off", "open the Relight accordion and enable it")
    of_unit, of_light = split_by_unit(values)
    require(panel.get("iclight") or not of_light, of_light, "IC-Light is off", "enable it in Relight's Light tab")
    require(panel.get("unit1_enabled") or not of_unit, of_unit, "its first unit is off", "enable it in Relight's tab Image 1")
    texts = {name: "" if value is None else value for name, value in values.items()}
    return [texts.get(name, value) for name, value in panel.items()]


def in_payload(payload: Mapping, values: Mapping) -> dict:
    """Return the API's dict with the values in `iclight` and in the first enabled unit."""
    require(is_enabled(payload, "Relight"), values, "Relight is off", "leave `enabled` out")
    of_unit, of_light = split_by_unit(values)
    changed = dict(payload)
    if of_light:
        light = payload.get("iclight")
        require(isinstance(light, Mapping) and is_enabled(light, "iclight"), of_light, "IC-Light is off", "add `iclight`")
        changed["iclight"] = {**light, **of_light}
    if of_unit:
        units = payload.get("ip_adapter") or []
        units = [units] if isinstance(units, Mapping) else list(units)
        first = next((i for i, unit in enumerate(units) if isinstance(unit, Mapping) and is_enabled(unit, "ip_adapter")), None)
        require(first is not None, of_unit, "there is no image prompt", "add a unit to `ip_adapter`")
        own = {ip_params.ALIASES.get(name, name): value for name, value in units[first].items()}
        units[first] = {**own, **{name.removeprefix("unit1_"): value for name, value in of_unit.items()}}
        changed["ip_adapter"] = units
    return changed


def split_by_unit(values: Mapping) -> tuple[dict, dict]:
    of_unit = {name: value for name, value in values.items() if name.startswith("unit1_")}
    return of_unit, {name: value for name, value in values.items() if name not in of_unit}


def require(present, values: Mapping, missing: str, remedy: str) -> None:
    if not present:
        labels = ", ".join(axis.label for axis in axes() if axis.key in values)
        raise RelightError(f"The X/Y/Z plot varies {labels}, but {missing}; {remedy}, or choose another axis.")


def choices_of(axis: Axis, files: Callable[[str, bool], list[str] | None]) -> list[str] | None:
    """Return the choices of an axis, None for a free value. files(name, of_unit): the choices of models and mattings."""
    if "bool" in axis.item.type:
        return ["True", "False"]
    listed = files(axis.name, axis.of_unit)
    if listed is not None:
        return listed
    return list(axis.item.metadata["choices"]) if "choices" in axis.item.metadata else None
