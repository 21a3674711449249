"""Every IP-Adapter setting that is not a picture: name, type, default, range and help, written once."""

from __future__ import annotations

import math
import reprlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, fields
from difflib import get_close_matches

from .errors import IpAdapterError

IMAGE_FIELDS = ("image", "mask", "image_mask", "negative_image")
INPUT_FIELDS = (*IMAGE_FIELDS, "embedding")
"""What a unit carries besides its parameters: pictures, and a face embedding (a list of 512 numbers, or several)."""

ALIASES = {"guidance_start": "start", "guidance_end": "end", "effective_region_mask": "mask",
           "starting_control_step": "start", "ending_control_step": "end", "control_weight": "weight",
           "advanced_weighting": "layer_weights", "weight_composition": "composition_weight"}
IGNORED = ("module", "low_vram", "pixel_perfect", "processor_res", "threshold_a", "threshold_b", "control_mode",
           "resize_mode", "save_detected_map", "inpaint_crop_input_image", "input_mode", "is_ui", "loopback", "batch_images",
           "output_dir", "generated_image", "use_preview_as_input", "union_control_type", "pulid_mode")
"""Names of the ControlNet API that mean nothing here: accepted, without effect."""

VALUE_ALIASES = {
    "hr_option": {"low res only": "low", "high res only": "high", "hires both": "both", "lowres": "low",
                  "hires": "high"},
    "weight_type": {"normal": "linear"},
    "crop": {"centre": "center"},
}

FAMILIES = ("auto", "base", "light", "vit-g", "plus", "plus-face", "composition", "full-face", "faceid", "faceid-plus",
            "faceid-plusv2", "portrait", "portrait-unnorm")
COMBINES = ("concat", "weighted concat", "average", "norm average", "add", "subtract", "separate")
WEIGHT_TYPES = ("linear", "ease in", "ease out", "ease in-out", "reverse in-out", "weak input", "weak output",
                "weak middle", "strong middle", "style transfer", "composition", "strong style transfer",
                "style and composition", "strong style and composition", "style transfer precise",
                "composition precise")
SCALINGS = ("V only", "K+V", "K+V w/ C penalty")
"""ComfyUI's fourth, `K+mean(V) w/ C penalty`, is left out: the header of its source allows non-commercial use only."""
TIMINGS = ("steps", "sigma")
CURVES = ("constant", "fade in", "fade out", "fade in-out")
CROPS = ("center", "pad", "stretch", "face", "box")
UNCONDS = ("official", "black", "noise", "image", "fooocus")
NOISES = ("fade", "dissolve", "gaussian", "shuffle")
HR_OPTIONS = ("both", "low", "high")


def knob(label: str, help: str, **ui) -> dict:
    """Metadata of one field. ui: minimum, maximum, step, choices (closed list), suggestions (open list), panel (bool)."""
    return {"label": label, "help": help, **ui}


@dataclass(frozen=True, kw_only=True)
class IpAdapterParams:
    """One unit without its pictures; checks itself, raises IpAdapterError with the field's name."""

    model: str = field(default="", metadata=knob(
        "Model", "The adapter file, by its name or stem; what it is gets read from its contents.", suggestions=()))
    family: str = field(default="auto", metadata=knob(
        "Family", "What kind of adapter a file is, for the few kinds that look alike inside; auto goes by its name.",
        choices=FAMILIES))
    image_weights: tuple = field(default=(), metadata=knob(
        "Image weights", "One number for each picture; missing ones are 1.", minimum=-5.0, maximum=5.0))
    combine: str = field(default="concat", metadata=knob(
        "Combine", "How several pictures become one prompt; separate lets each have its own mask.", choices=COMBINES))
    weight: float = field(default=1.0, metadata=knob(
        "Weight", "How strongly the picture prompts; 0 is no effect, below 0 pushes away from it.",
        minimum=-1.0, maximum=5.0, step=0.05))
    weight_type: str = field(default="linear", metadata=knob(
        "Weight type", "Which layers take the picture: all, only style, only composition, or more at one end.",
        choices=WEIGHT_TYPES))
    composition_weight: float = field(default=1.0, metadata=knob(
        "Composition weight", "Weight of the composition layers for the types that name style and composition.",
        minimum=-1.0, maximum=5.0, step=0.05))
    boost: float = field(default=1.0, metadata=knob(
        "Boost", "For the precise types: how hard the other aspect is pushed away.",
        minimum=-5.0, maximum=5.0, step=0.05))
    layer_weights: str = field(default="", metadata=knob(
        "Layer weights", "Own weights by transformer, such as `3:1, 6:0.5`, or one number for each; empty uses the type."))
    scaling: str = field(default="V only", metadata=knob(
        "Scaling", "What the weight multiplies inside the attention.", choices=SCALINGS))
    start: float = field(default=0.0, metadata=knob(
        "Start", "Share of the steps after which the picture begins to prompt.", minimum=0.0, maximum=1.0, step=0.01))
    end: float = field(default=1.0, metadata=knob(
        "End", "Share of the steps after which the picture stops prompting.", minimum=0.0, maximum=1.0, step=0.01))
    timing: str = field(default="steps", metadata=knob(
        "Timing", "Whether start and end count executed steps, or noise levels as ComfyUI does.", choices=TIMINGS))
    curve: str = field(default="constant", metadata=knob(
        "Curve", "How the weight changes between start and end.", choices=CURVES))
    crop: str = field(default="center", metadata=knob(
        "Crop", "How a picture that is not square reaches the encoder.", choices=CROPS))
    crop_box: tuple = field(default=(), metadata=knob(
        "Crop box", "For crop `box`: left, top, right, bottom as shares of the picture.",
        minimum=0.0, maximum=1.0, length=4))
    tiled: bool = field(default=False, metadata=knob(
        "Tiled", "Encode the picture in overlapping tiles, each prompting its own part of the output."))
    unfold_batch: bool = field(default=False, metadata=knob(
        "One picture per image", "Give the first picture to the first image of the batch, the second to the second."))
    uncond: str = field(default="official", metadata=knob(
        "Unconditional", "What the negative side sees: the official grey, black, noise, a picture, or Fooocus' file.",
        choices=UNCONDS))
    noise: str = field(default="fade", metadata=knob(
        "Noise", "Kind of noise for `uncond` noise.", choices=NOISES))
    noise_strength: float = field(default=1.0, metadata=knob(
        "Noise strength", "How much noise replaces the picture.", minimum=0.0, maximum=1.0, step=0.05))
    noise_blur: int = field(default=0, metadata=knob(
        "Noise blur", "Radius in pixels by which the noisy picture is blurred.",
        minimum=0, maximum=32, step=1))
    faceid_lora: float = field(default=1.0, metadata=knob(
        "FaceID LoRA", "Strength of the LoRA inside a FaceID file.", minimum=-1.0, maximum=2.0, step=0.05))
    faceid_scale: float = field(default=1.0, metadata=knob(
        "FaceID structure", "FaceID-PlusV2: how much the face's picture adds to its identity.",
        minimum=-1.0, maximum=5.0, step=0.05))
    face_index: int = field(default=-1, metadata=knob(
        "Face", "Which face to take, counted from the left from 0; -1 takes the largest.",
        minimum=-1, maximum=63, step=1))
    hr_option: str = field(default="both", metadata=knob(
        "Hires fix", "In which pass of a hires job the unit works: both, only the low one or only the high one.",
        choices=HR_OPTIONS))

    def __post_init__(self):
        for item in fields(self):
            object.__setattr__(self, item.name, check_value(item, getattr(self, item.name)))
        if self.start > self.end:
            raise IpAdapterError(f"`start` is {self.start:g} and `end` is {self.end:g}; start must not be after end.")
        if self.crop == "box" and not self.crop_box:
            raise IpAdapterError("`crop` is 'box' but `crop_box` is empty; give left, top, right, bottom as shares 0..1.")
        if self.crop_box and not (self.crop_box[0] < self.crop_box[2] and self.crop_box[1] < self.crop_box[3]):
            raise IpAdapterError(f"`crop_box` is {self.crop_box}; left must be below right, and top below bottom.")


FIELD_NAMES = tuple(f.name for f in fields(IpAdapterParams))


def split_unit(unit: Mapping, where: str = "ip_adapter") -> tuple[IpAdapterParams, dict]:
    """A JSON unit into its parameters and its inputs (INPUT_FIELDS that are given, as they came).

    ControlNet's names are accepted; unknown ones are refused by name. `enabled` is the caller's to look at.
    """
    values, inputs = {}, {}
    for name, value in unit.items():
        if name in IGNORED or name == "enabled":
            continue
        target = ALIASES.get(name, name)
        if target in values or target in inputs:
            raise IpAdapterError(f"`{where}` gives both `{target}` and its other name `{name}`; keep one of them.")
        if target in INPUT_FIELDS:
            if value is not None:
                inputs[target] = value
        elif target in FIELD_NAMES:
            if not (name in ALIASES and value is None):
                values[target] = value
        else:
            raise IpAdapterError(unknown_sentence(name, where))
    return IpAdapterParams(**values), inputs


def unknown_sentence(name, where: str) -> str:
    known = (*FIELD_NAMES, *INPUT_FIELDS, *ALIASES)
    near = get_close_matches(str(name), known, 1)
    hint = f"did you mean `{near[0]}`?" if near else f"known fields are {', '.join((*FIELD_NAMES, *INPUT_FIELDS))}."
    return f"`{where}` has no field `{str(name)[:40]}`; {hint}"


def shown(value) -> str:
    """A value as it stands in a message: its repr, cut when a user sends a megabyte."""
    return reprlib.repr(value)


def check_value(item, value):
    """Return value in the field's own type, or raise with the field's name, the value and what is allowed."""
    if item.name == "layer_weights":
        return layer_text(value)
    if item.type == "bool":
        if not isinstance(value, bool):
            raise IpAdapterError(f"`{item.name}` is {shown(value)}; it must be true or false.")
        return value
    if item.type == "str":
        return check_text(item, value)
    if item.type == "tuple":
        return check_list(item, value)
    return check_number(item, value)


def check_text(item, value) -> str:
    if not isinstance(value, str):
        raise IpAdapterError(f"`{item.name}` is {shown(value)}; it must be a text.")
    value = VALUE_ALIASES.get(item.name, {}).get(value.strip().lower(), value)
    choices = item.metadata.get("choices")
    if not choices:
        return value
    for choice in choices:
        if value.strip().lower() == choice.lower():
            return choice
    raise IpAdapterError(f"`{item.name}` is {shown(value)}; choose one of {', '.join(choices)}.")


def is_number(value) -> bool:
    return isinstance(value, (int, float)) and not isinstance(value, bool) and math.isfinite(value)


def check_number(item, value):
    low, high = item.metadata["minimum"], item.metadata["maximum"]
    whole = item.type == "int"
    if not is_number(value) or not low <= value <= high or (whole and value != int(value)):
        kind = "a whole number" if whole else "a number"
        raise IpAdapterError(f"`{item.name}` is {shown(value)}; it must be {kind} from {low:g} to {high:g}.")
    return int(value) if whole else float(value)


def check_list(item, value) -> tuple:
    low, high, length = item.metadata["minimum"], item.metadata["maximum"], item.metadata.get("length")
    good = isinstance(value, (list, tuple)) and all(is_number(entry) and low <= entry <= high for entry in value)
    if not good or (length and value and len(value) != length):
        count = f"{length} numbers" if length else "numbers"
        raise IpAdapterError(f"`{item.name}` is {shown(value)}; it must be a list of {count} from {low:g} to {high:g}.")
    return tuple(float(entry) for entry in value)


def layer_text(value) -> str:
    """Own layer weights in one spelling, `0:1, 3:0.5`; from that, from a list (one each) or from a mapping."""
    return ", ".join(f"{index}:{weight:g}" for index, weight in parse_layer_weights(value).items())


def parse_layer_weights(value: str | Mapping | Sequence | None) -> dict[int, float]:
    """Transformer index to weight. Text is `3:1, 6:0.5` or plain numbers in order; empty gives an empty dict."""
    if value is None:
        return {}
    try:
        if isinstance(value, str):
            parts = [part.strip() for part in value.replace("[", " ").replace("]", " ").split(",") if part.strip()]
            pairs = [part.split(":") for part in parts]
            pairs = [(i, pair[0]) if len(pair) == 1 else tuple(pair) for i, pair in enumerate(pairs)]
        elif isinstance(value, Mapping):
            pairs = list(value.items())
        else:
            pairs = list(enumerate(value))
        weights = {int(index): float(weight) for index, weight in pairs}
    except (TypeError, ValueError):
        weights = {-1: 0.0}
    if not all(0 <= index < 16 and math.isfinite(weight) and abs(weight) <= 10 for index, weight in weights.items()):
        raise IpAdapterError(f"`layer_weights` is {shown(value)}; write pairs such as `3:1, 6:0.5` with an index from 0 "
                             "to 15 and a weight from -10 to 10, or one number for each transformer.")
    return dict(sorted(weights.items()))
