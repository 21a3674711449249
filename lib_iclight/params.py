"""Every IC-Light setting that is not an image: name, type, default, range and help, written once.

The panel, the API, infotext and paste are all made from `fields(IcLightParams)`; `metadata` is what `knob` returns.
"""

from __future__ import annotations

import reprlib
from collections.abc import Mapping
from dataclasses import dataclass, field, fields
from difflib import get_close_matches

from .colors import check_color
from .errors import IcLightError

IMAGE_FIELDS = ("foreground", "background", "light_map", "mask")
MODELS = ("auto", "fc", "fcon", "fbc")
DIRECTIONS = ("left", "right", "top", "bottom", "top-left", "top-right", "bottom-left", "bottom-right")
LIGHTS = ("none", *DIRECTIONS, "ambient", "angle", "spot", "custom")
MATTINGS = ("auto", "none", "alpha", "mask")
HR_OPTIONS = ("both", "low", "high")


def knob(label: str, help: str, **ui) -> dict:
    """Metadata of one field. ui: minimum, maximum, step, choices (closed), suggestions (open list), panel (bool)."""
    return {"label": label, "help": help, **ui}


@dataclass(frozen=True, kw_only=True)
class IcLightParams:
    """One IC-Light request without its images; checks itself, raises IcLightError with the field's name.

    light_start and light_end are grey levels 0..255; None takes the model's own range (`light.default_range`).
    """

    model: str = field(default="auto", metadata=knob(
        "Model", "Which IC-Light weights to use: auto takes fbc when a background is given and fc otherwise.",
        suggestions=MODELS))
    background_flip: bool = field(default=False, metadata=knob(
        "Flip background", "Mirror the background left to right, so that its light comes from the other side."))
    light: str = field(default="none", metadata=knob(
        "Light", "Where the light comes from; none leaves it to the prompt, custom takes your own light map.",
        choices=LIGHTS))
    light_angle: float = field(default=0.0, metadata=knob(
        "Light angle", "Direction of the light in degrees: 0 from the right, 90 from the top, counter-clockwise.",
        minimum=-360.0, maximum=360.0, step=1.0))
    light_x: float = field(default=0.5, metadata=knob(
        "Light x", "Centre of a spot light across the picture: 0 is the left edge, 1 the right edge.",
        minimum=0.0, maximum=1.0, step=0.01))
    light_y: float = field(default=0.5, metadata=knob(
        "Light y", "Centre of a spot light down the picture: 0 is the top edge, 1 the bottom edge.",
        minimum=0.0, maximum=1.0, step=0.01))
    light_radius: float = field(default=0.5, metadata=knob(
        "Light radius", "How far a spot light reaches, as a share of the picture's longer side.",
        minimum=0.01, maximum=2.0, step=0.01))
    light_start: float | None = field(default=None, metadata=knob(
        "Light start", "Grey level on the lit side; empty takes the model's own value (fc 255, fbc 224).",
        minimum=0.0, maximum=255.0, step=1.0))
    light_end: float | None = field(default=None, metadata=knob(
        "Light end", "Grey level on the side away from the light; empty takes the model's own value (fc 0, fbc 32).",
        minimum=0.0, maximum=255.0, step=1.0))
    light_color: str = field(default="#ffffff", metadata=knob(
        "Light colour", "Colour of the light as #rrggbb, or a lamp's temperature such as 2700K; white keeps the light map grey."))
    light_gamma: float = field(default=1.0, metadata=knob(
        "Light gamma", "How the light falls off: above 1 it stays near its side, below 1 it reaches further.",
        minimum=0.1, maximum=10.0, step=0.05))
    lights: tuple = field(default=(), metadata=knob(
        "Further lights", "More lights, each with its own light fields, added to the first as real light adds."))
    matting: str = field(default="auto", metadata=knob(
        "Matting", "How the subject is cut out: auto uses the picture's alpha and otherwise the default matting model.",
        suggestions=MATTINGS))
    matte_threshold: float = field(default=0.0, metadata=knob(
        "Matte threshold", "Make the matte hard: what is at least this opaque becomes the subject; 0 keeps it soft.",
        minimum=0.0, maximum=1.0, step=0.01))
    matte_grow: float = field(default=0.0, metadata=knob(
        "Grow matte", "Widen the matte by so many pixels of the subject's picture; below 0 shrinks it, against a bright rim.",
        minimum=-64.0, maximum=64.0, step=1.0))
    matte_feather: float = field(default=0.0, metadata=knob(
        "Feather matte", "Soften the matte's edge by so many pixels of the subject's picture.",
        minimum=0.0, maximum=64.0, step=0.5))
    reinforce: float = field(default=0.0, metadata=knob(
        "Reinforce foreground",
        "Paste the subject onto the light map before sampling, so that more of its colours stays.",
        minimum=0.0, maximum=1.0, step=0.05))
    detail: float = field(default=0.0, metadata=knob(
        "Restore detail", "Bring back the subject's fine detail, such as lettering and skin, after relighting.",
        minimum=0.0, maximum=1.0, step=0.05))
    detail_sigma: float = field(default=3.0, metadata=knob(
        "Detail size", "Size in pixels up to which structure counts as detail.", minimum=0.1, maximum=50.0, step=0.1))
    color_hold: float = field(default=0.0, metadata=knob(
        "Colour hold", "Keep the subject's own colours and take only the brightness of the new light.",
        minimum=0.0, maximum=1.0, step=0.05))
    keep_background: bool = field(default=False, metadata=knob(
        "Keep background", "Put the relit subject back in front of the picture it came from."))
    condition_scale: float = field(default=1.0, metadata=knob(
        "Condition scale", "How strongly the subject (and the background) hold the result; 1 is the original's value.",
        minimum=0.0, maximum=2.0, step=0.05))
    hr_option: str = field(default="both", metadata=knob(
        "Hires fix", "In which pass of a hires job the relighting works: both, only the low one or only the high one.",
        choices=HR_OPTIONS))
    compensate_steps: bool = field(default=True, metadata=knob(
        "Compensate steps", "Run all the steps asked for although img2img starts late, as the original does."))
    extras: bool | None = field(default=None, metadata=knob(
        "Extra pictures", "Also return the matte, the light map and the detail layers."))

    def __post_init__(self):
        for item in fields(self):
            value = check_value(item, getattr(self, item.name))
            object.__setattr__(self, item.name, value)
        check_color("light_color", self.light_color)
        for light in self.lights:
            check_light(light)


LIGHT_FIELDS = tuple(f.name for f in fields(IcLightParams) if f.name == "light" or f.name.startswith("light_"))


def params_from_dict(values: Mapping) -> IcLightParams:
    """Build the parameters from JSON values; missing keys take the default, unknown ones are refused by name."""
    refuse_unknown(values, [f.name for f in fields(IcLightParams)], "iclight")
    return IcLightParams(**values)


def shown(value) -> str:
    """A value as it stands in a message: its repr, cut when a user sends a megabyte."""
    return reprlib.repr(value)


def refuse_unknown(values: Mapping, known: list[str] | tuple[str, ...], where: str) -> None:
    for key in values:
        if key not in known:
            near = get_close_matches(str(key), known, 1)
            hint = f"did you mean `{near[0]}`?" if near else f"known fields are {', '.join(known)}."
            raise IcLightError(f"`{where}` has no field `{str(key)[:40]}`; {hint}")


def check_value(item, value):
    """Return value in the field's own type, or raise with the field's name, the value and what is allowed."""
    kind = item.type
    if kind.endswith("| None"):
        if value is None:
            return None
        kind = kind.split(" |")[0]
    if kind == "bool" and not isinstance(value, bool):
        raise IcLightError(f"`{item.name}` is {shown(value)}; it must be true or false.")
    if kind == "str":
        return check_text(item, value)
    if kind == "float":
        return check_number(item, value)
    if kind == "tuple":
        return check_list(item, value)
    return value


def check_text(item, value) -> str:
    if not isinstance(value, str) or not value.strip():
        raise IcLightError(f"`{item.name}` is {shown(value)}; it must be a text.")
    choices = item.metadata.get("choices")
    if choices and value not in choices:
        raise IcLightError(f"`{item.name}` is {shown(value)}; choose one of {', '.join(choices)}.")
    return value


def check_number(item, value) -> float:
    low, high = item.metadata["minimum"], item.metadata["maximum"]
    number = isinstance(value, (int, float)) and not isinstance(value, bool)
    if not number or not low <= value <= high:
        raise IcLightError(f"`{item.name}` is {shown(value)}; it must be a number from {low:g} to {high:g}.")
    return float(value)


def check_list(item, value) -> tuple:
    if not isinstance(value, (list, tuple)) or not all(isinstance(entry, Mapping) for entry in value):
        raise IcLightError(f"`{item.name}` is {shown(value)}; it must be a list of objects with light fields.")
    return tuple(value)


def check_light(light: Mapping) -> None:
    refuse_unknown(light, LIGHT_FIELDS, "lights")
    IcLightParams(**light)
