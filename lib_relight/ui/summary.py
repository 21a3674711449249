"""What the next job will do, in a few short parts: "1 light from the left", "2 image prompts (linear, style transfer)"."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping

from ...lib_common.errors import UserError
from ...lib_iclight.light_kinds import KINDS
from ...lib_iclight.light_setups import SETUPS
from ..request.ip_adapter_unit import MAX_UNITS
from ..request.panel_values import lights_from_text, unit_name

SETS = {"sides": "4 images, one per direction", "directions": "8 images, one per direction", "lights": "One image per light",
        "normals": "4 images and their normal map", "even": "4 images and their even light"}


def summary(values: Mapping, given: Collection[str]) -> list[str]:
    """Return the parts. values: of the panel without images; given: the image fields that are not empty."""
    parts = [*light_parts(values, given)] if values.get("iclight") else []
    return [*parts, *unit_parts(values, given)]


def light_parts(values: Mapping, given: Collection[str]) -> Iterator[str]:
    yield light_words(values)
    if values.get("set") == "sweep":
        yield f"A sweep of {values.get('set_frames') or 0:g} images"
    elif values.get("set") in SETS:
        yield SETS[values["set"]]
    if "background" in given:
        yield "New background"


def light_words(values: Mapping) -> str:
    try:
        further = len(lights_from_text(values.get("lights") or ""))
    except UserError:
        further = 0
    light, angle = values.get("light"), values.get("light_angle") or 0
    if light in SETUPS:
        further += len(SETUPS[light]) - 1
        light, angle = "angle", SETUPS[light][0]["light_angle"]
    if further:
        return f"{further + (light != 'none')} lights"
    kind = KINDS.get(str(light))
    if kind is None:
        return ""
    return f"1 light from {angle:g} degrees" if kind.has_angle else kind.words


def unit_parts(values: Mapping, given: Collection[str]) -> Iterator[str]:
    numbers = range(1, MAX_UNITS + 1)
    enabled = [number for number in numbers if values.get(unit_name(number, "enabled"))]
    if enabled:
        types = ", ".join(str(values.get(unit_name(number, "weight_type"))) for number in enabled)
        yield f"1 image prompt ({types})" if len(enabled) == 1 else f"{len(enabled)} image prompts ({types})"
    for number in numbers:
        if number not in enabled and unit_name(number, "image") in given:
            yield f"Image {number} is not enabled"
