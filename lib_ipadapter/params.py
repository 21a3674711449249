"""Parameters of one IP-Adapter unit: name, type, default, range and help of every field that is not an image.

The metadata of a field is described in `lib_common.fields.field_meta`.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, fields
from typing import Any

from ..lib_common.fields import CheckedFields, field_meta, reject_unknown, short_repr
from .errors import IpAdapterError
from .files.families import BY_NAME

IMAGE_FIELDS = ("image", "mask", "image_mask", "negative_image")
INPUT_FIELDS = (*IMAGE_FIELDS, "embedding")
"""The inputs of a unit besides its parameters: images, and a face embedding (a list of 512 numbers, or several)."""

ALIASES = {"guidance_start": "start", "guidance_end": "end", "effective_region_mask": "mask",
           "starting_control_step": "start", "ending_control_step": "end", "control_weight": "weight",
           "advanced_weighting": "layer_weights", "weight_composition": "composition_weight", "input_image": "image",
           "mask_image": "mask", "guidance": "end"}
"""Other names of fields, most of them the ControlNet API's."""
IGNORED = ("module", "low_vram", "lowvram", "pixel_perfect", "processor_res", "threshold_a", "threshold_b", "control_mode",
           "resize_mode", "save_detected_map", "inpaint_crop_input_image", "input_mode", "is_ui", "loopback", "output_dir",
           "generated_image", "use_preview_as_input", "union_control_type", "pulid_mode")
"""Fields of the ControlNet API that are accepted and ignored."""
IGNORED_WHEN_EMPTY = ("batch_images", "batch_image_files", "batch_image_dir", "batch_input_gallery", "batch_mask_dir",
                      "batch_mask_gallery", "batch_keyframe_idx", "batch_modifiers", "animatediff_batch", "ipadapter_input")
"""Inputs of the ControlNet API that are not supported: accepted only if empty."""

HR_ALIASES = {"low res only": "low", "high res only": "high", "hires both": "both", "lowres": "low", "hires": "high",
              "hiresfixoption.both": "both", "hiresfixoption.low_res_only": "low", "hiresfixoption.high_res_only": "high"}
"""ControlNet's spellings of `hr_option`."""
FAMILIES = ("auto", *BY_NAME)
COMBINES = ("concat", "weighted concat", "average", "norm average", "add", "subtract", "separate")
WEIGHT_TYPES = ("linear", "ease in", "ease out", "ease in-out", "reverse in-out", "weak input", "weak output",
                "weak middle", "strong middle", "style transfer", "composition", "strong style transfer",
                "style and composition", "strong style and composition", "style transfer precise",
                "composition precise")
COMPOSITION_WEIGHT_TYPES = ("style and composition", "strong style and composition")
PRECISE_WEIGHT_TYPES = ("style transfer precise", "composition precise")
SCALINGS = ("V only", "K+V", "K+V w/ C penalty")
"""ComfyUI's fourth, `K+mean(V) w/ C penalty`, is left out: the header of its source allows non-commercial use only."""
TIMINGS = ("steps", "sigma")
CURVES = ("constant", "fade in", "fade out", "fade in-out")
CROPS = ("center", "pad", "stretch", "face", "box")
UNCONDS = ("official", "black", "noise", "image", "fooocus")
NOISES = ("fade", "dissolve", "gaussian", "shuffle")
HR_OPTIONS = ("both", "low", "high")


LAYER_WEIGHT = {"type": "number", "minimum": -10, "maximum": 10}
INDEX = "(1[0-5]|[0-9])"
PLAIN_NUMBER = r"-?(10(\.0+)?|[0-9](\.[0-9]+)?)"
LAYERS_SCHEMA = {"anyOf": [
    {"type": "string", "examples": ["3:1, 6:0.5"],
     "pattern": f"^({PLAIN_NUMBER}(, ?{PLAIN_NUMBER}){{0,15}}|{INDEX}:{PLAIN_NUMBER}(, ?{INDEX}:{PLAIN_NUMBER})*)?$"},
    {"type": "array", "items": LAYER_WEIGHT, "maxItems": 16},
    {"type": "object", "propertyNames": {"pattern": f"^{INDEX}$"}, "additionalProperties": LAYER_WEIGHT},
    {"type": "null"}]}
"""JSON Schema of `layer_weights`; texts may also mix both forms."""


def layer_text(value) -> str:
    """Return layer weights as text, `0:1, 3:0.5`. value: such a text, a list with one weight each, or a mapping."""
    return ", ".join(f"{index}:{weight:g}" for index, weight in parse_layer_weights(value).items())


def parse_layer_weights(value: str | Mapping | Sequence | None) -> dict[int, float]:
    """Return {transformer index: weight}; {} for an empty value. Text is `3:1, 6:0.5` or plain numbers in order.

    Raises IpAdapterError for indices outside 0..15 and weights outside -10..10.
    """
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
    except (TypeError, ValueError, OverflowError):
        weights = {-1: 0.0}
    if not all(0 <= index < 16 and math.isfinite(weight) and abs(weight) <= 10 for index, weight in weights.items()):
        raise IpAdapterError(f"`layer_weights` is {short_repr(value)}; write pairs such as `3:1, 6:0.5` with an index from 0 "
                             "to 15 and a weight from -10 to 10, or one number for each transformer.")
    return dict(sorted(weights.items()))


@dataclass(frozen=True, kw_only=True)
class IpAdapterParams(CheckedFields):
    """One unit without its images; an invalid value raises IpAdapterError."""

    error = IpAdapterError

    model: str = field(default="auto", metadata=field_meta(
        "IP-Adapter file", "The adapter's file name, with or without its ending; auto takes one that fits the checkpoint, a base "
        "adapter first.",
        suggestions=("auto",), axis=True, group="main"))
    family: str = field(default="auto", metadata=field_meta(
        "Family", "The adapter's family, for the few that cannot be told apart by content; auto goes by the file's name.",
        choices=FAMILIES))
    image_weights: tuple = field(default=(), metadata=field_meta(
        "Image weights", "One number for each image; missing ones are 1.", minimum=-5.0, maximum=5.0))
    combine: str = field(default="concat", metadata=field_meta(
        "Combine", "How several images become one prompt; separate lets each have its own mask.", choices=COMBINES,
        axis=True, group="main"))
    weight: float = field(default=1.0, metadata=field_meta(
        "Weight", "How strongly the image prompts; 0 has no effect, below 0 pushes away from it.",
        minimum=-1.0, maximum=5.0, step=0.05, axis=True, group="main"))
    weight_type: str = field(default="linear", metadata=field_meta(
        "Weight type", "Which layers take the image: all, only style, only composition, or more at one end.",
        choices=WEIGHT_TYPES, aliases={"normal": "linear"}, axis=True, group="main"))
    composition_weight: float = field(default=1.0, metadata=field_meta(
        "Composition weight", "Weight of the composition layers for the types that name style and composition.",
        minimum=-1.0, maximum=5.0, step=0.05, axis=True, shown_for={"weight_type": COMPOSITION_WEIGHT_TYPES}))
    boost: float = field(default=1.0, metadata=field_meta(
        "Boost", "For the precise types: how hard the other aspect is pushed away.",
        minimum=-5.0, maximum=5.0, step=0.05, shown_for={"weight_type": PRECISE_WEIGHT_TYPES}))
    layer_weights: str = field(default="", metadata=field_meta(
        "Layer weights", "Own weights by transformer, such as `3:1, 6:0.5`, or one number for each; empty uses the weight type.",
        convert=layer_text, schema=LAYERS_SCHEMA))
    scaling: str = field(default="V only", metadata=field_meta(
        "Scaling", "What the weight multiplies inside the attention.", choices=SCALINGS, axis=True))
    start: float = field(default=0.0, metadata=field_meta(
        "Start", "Share of the steps after which the image begins to prompt.", minimum=0.0, maximum=1.0, step=0.01,
        axis=True, group="main"))
    end: float = field(default=1.0, metadata=field_meta(
        "End", "Share of the steps after which the image stops prompting.", minimum=0.0, maximum=1.0, step=0.01,
        axis=True, group="main"))
    timing: str = field(default="steps", metadata=field_meta(
        "Timing", "Whether start and end count executed steps, or noise levels as ComfyUI does.", choices=TIMINGS))
    curve: str = field(default="constant", metadata=field_meta(
        "Curve", "How the weight changes between start and end.", choices=CURVES, axis=True))
    crop: str = field(default="center", metadata=field_meta(
        "Crop", "How an image that is not square is cropped for the encoder.", choices=CROPS,
        aliases={"centre": "center"}, axis=True))
    crop_box: tuple = field(default=(), metadata=field_meta(
        "Crop box", "For crop `box`: left, top, right, bottom as shares of the image.",
        minimum=0.0, maximum=1.0, length=4, shown_for={"crop": ("box",)}))
    tiled: bool = field(default=False, metadata=field_meta(
        "Tiled", "Encode the image in overlapping tiles, each prompting its own part of the output."))
    unfold_batch: bool = field(default=False, metadata=field_meta(
        "One input image per output image",
        "Give the first input image to the first image of the batch or to the first light of a set, the second to the second."))
    uncond: str = field(default="official", metadata=field_meta(
        "Negative side", "What the negative side sees: official is the default; or black, noise, an image, or Fooocus' file.",
        choices=UNCONDS))
    noise: str = field(default="fade", metadata=field_meta(
        "Noise", "Kind of noise for `uncond` noise.", choices=NOISES, shown_for={"uncond": ("noise",)}))
    noise_strength: float = field(default=1.0, metadata=field_meta(
        "Noise strength", "How much noise replaces the image.", minimum=0.0, maximum=1.0, step=0.05,
        shown_for={"uncond": ("noise",)}))
    noise_blur: int = field(default=0, metadata=field_meta(
        "Noise blur", "Radius in pixels by which the noisy image is blurred.",
        minimum=0, maximum=32, step=1, shown_for={"uncond": ("noise",)}))
    faceid_lora: float = field(default=1.0, metadata=field_meta(
        "FaceID LoRA", "Strength of the LoRA inside a FaceID file.", minimum=-1.0, maximum=2.0, step=0.05))
    faceid_scale: float = field(default=1.0, metadata=field_meta(
        "FaceID structure", "FaceID-PlusV2: how much the face's image adds to its identity.",
        minimum=-1.0, maximum=5.0, step=0.05))
    face_index: int = field(default=-1, metadata=field_meta(
        "Face", "Which face to take, counted from the left from 0; -1 takes the largest.",
        minimum=-1, maximum=63, step=1))
    hr_option: str = field(default="both", metadata=field_meta(
        "Apply in",
        "The passes of a hires job in which the unit works: both, only the first (low) or only the hires pass (high).",
        choices=HR_OPTIONS, aliases=HR_ALIASES))

    def __post_init__(self):
        super().__post_init__()
        if self.start > self.end:
            raise IpAdapterError(f"`start` is {self.start:g} and `end` is {self.end:g}; start must not be after end.")
        if self.crop == "box" and not self.crop_box:
            raise IpAdapterError("`crop` is 'box' but `crop_box` is empty; give left, top, right, bottom as shares 0..1.")
        if self.crop_box and not (self.crop_box[0] < self.crop_box[2] and self.crop_box[1] < self.crop_box[3]):
            raise IpAdapterError(f"`crop_box` is {self.crop_box}; left must be below right, and top below bottom.")


FIELD_NAMES = tuple(f.name for f in fields(IpAdapterParams))


def split_unit(unit: Mapping, where: str = "ip_adapter") -> tuple[IpAdapterParams, dict[str, Any]]:
    """Split a JSON unit into its parameters and its inputs: those of INPUT_FIELDS that are given, unchanged.

    ControlNet's names are accepted; unknown ones raise IpAdapterError. `enabled` is left to the caller.
    """
    unit = {name: value for name, value in unit.items() if not (name in IGNORED_WHEN_EMPTY and not value)}
    for name in unit:
        if name in IGNORED_WHEN_EMPTY:
            raise IpAdapterError(f"`{where}` has no field `{name}`; send the images themselves as `image`, one or a list.")
    reject_unknown(unit, (*FIELD_NAMES, *INPUT_FIELDS, *ALIASES, *IGNORED, "enabled"), where, IpAdapterError,
                   listed=(*FIELD_NAMES, *INPUT_FIELDS))
    values, inputs = {}, {}
    for name, value in unit.items():
        target = ALIASES.get(name, name)
        if target in values or target in inputs:
            raise IpAdapterError(f"`{where}` gives both `{target}` and its other name `{name}`; keep one of them.")
        if target in INPUT_FIELDS:
            if value is not None:
                inputs[target] = value
        elif target in FIELD_NAMES and not (name in ALIASES and value is None):
            values[target] = value
    return IpAdapterParams(**values), inputs
