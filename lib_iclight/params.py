"""Parameters of IC-Light: name, type, default, range and help of every field that is not an image.

The panel, the API, infotext, presets and X/Y/Z axes are all made from `fields(IcLightParams)` and their metadata, see
`lib_common.fields.field_meta`.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, fields
from typing import Any

from ..lib_common.fields import CheckedFields, field_meta, reject_unknown, short_repr
from .colors import COLOR_SCHEMA, check_color
from .errors import IcLightError
from .light_kinds import COMPUTED_LIGHTS, LIGHTS, kinds_with
from .light_setups import SETUPS
from .placing import PLACE_SCHEMA, check_place

IMAGE_FIELDS = ("foreground", "background", "light_map", "mask", "normal_map")
API_IMAGE_FIELDS = ("light_from",)
"""Images that the API and the command line take, and the panel does not."""
IMAGES_SHOWN_FOR = {"light_map": {"light": kinds_with("light_map")}, "mask": {"matting": ("mask",)}}
"""Image fields that have an effect for some values of another field only: {image: {field: values}}."""
MODELS = ("auto", "fc", "fcon", "fbc")
MATTINGS = ("auto", "none", "alpha", "mask")
SETS = ("none", "sides", "directions", "lights", "sweep", "normals", "even")
EASINGS = ("linear", "smooth")
ANIMATIONS = ("none", "webp", "gif", "mp4")
NORMAL_Y = ("opengl", "directx")
PRECISE_FILES = ("none", "png16", "exr")
HR_OPTIONS = ("both", "low", "high")
OUTPUTS = ("result", "rgba", "psd", "png16", "exr")


def check_entries(value: Any) -> tuple[Mapping, ...]:
    """Return the value of `lights` as a tuple of objects; `check_entry` looks into each."""
    if not isinstance(value, (list, tuple)) or not all(isinstance(entry, Mapping) for entry in value):
        raise IcLightError(f"`lights` is {short_repr(value)}; it must be a list of objects with light fields.")
    return tuple(value)


@dataclass(frozen=True, kw_only=True)
class IcLightParams(CheckedFields):
    """The IC-Light part of a request without its images; an invalid value raises IcLightError.

    light_start and light_end are grey levels 0..255; None takes the model's own range (`light_map.default_range`).
    """

    error = IcLightError

    model: str = field(default="auto", metadata=field_meta(
        "Model", "Which IC-Light weights to use: auto takes fbc when a background is given and fc otherwise.",
        suggestions=MODELS,
        group="numbers", axis=True, pad=True))
    background_flip: bool = field(default=False, metadata=field_meta(
        "Flip background", "Mirror the background left to right, so that its light comes from the other side.",
        group="quality", axis=True, pad=True))
    light: str = field(default="none", metadata=field_meta(
        "Light",
        "Where the light comes from, in the part that is sampled; none leaves it to the prompt, custom takes your own light map, "
        "rembrandt and the following ones are set-ups of several lights.",
        choices=(*LIGHTS, *SETUPS),
        group="numbers", axis=True, pad=True))
    light_angle: float = field(default=0.0, metadata=field_meta(
        "Light angle", "Direction of the light in degrees: 0 from the right, 90 from the top, counter-clockwise.",
        minimum=-360.0, maximum=360.0, step=1.0,
        group="numbers", axis=True, pad=True, shown_for={"light": kinds_with("light_angle")}))
    light_elevation: float = field(default=0.0, metadata=field_meta(
        "Elevation",
        "How far the light is in front of the subject in degrees: 0 in the image plane, 90 from the camera, below 0 from behind.",
        minimum=-90.0, maximum=90.0, step=1.0,
        group="numbers", axis=True, pad=True))
    light_x: float = field(default=0.5, metadata=field_meta(
        "Light x", "Centre of a spot light across the image: 0 is the left edge, 1 the right edge.",
        minimum=0.0, maximum=1.0, step=0.01,
        group="numbers", axis=True, pad=True, shown_for={"light": kinds_with("light_x")}))
    light_y: float = field(default=0.5, metadata=field_meta(
        "Light y", "Centre of a spot light down the image: 0 is the top edge, 1 the bottom edge.",
        minimum=0.0, maximum=1.0, step=0.01,
        group="numbers", axis=True, pad=True, shown_for={"light": kinds_with("light_y")}))
    light_radius: float = field(default=0.5, metadata=field_meta(
        "Light radius", "Radius of a spot light, as a share of the image's longer side.",
        minimum=0.01, maximum=2.0, step=0.01,
        group="numbers", axis=True, pad=True, shown_for={"light": kinds_with("light_radius")}))
    light_start: float | None = field(default=None, metadata=field_meta(
        "Lit side", "Grey level on the lit side; empty takes the model's default (fc 255, fbc 224).",
        minimum=0.0, maximum=255.0, step=1.0,
        group="numbers", axis=True, pad=True))
    light_end: float | None = field(default=None, metadata=field_meta(
        "Shadow side", "Grey level on the side away from the light; empty takes the model's default (fc 0, fbc 32).",
        minimum=0.0, maximum=255.0, step=1.0,
        group="numbers", axis=True, pad=True))
    light_color: str = field(default="#ffffff", metadata=field_meta(
        "Light colour", "Colour of the light as #rrggbb, or a lamp's temperature such as 2700K; white keeps the light map grey.",
        convert=check_color, schema=COLOR_SCHEMA, group="numbers", axis=True, pad=True))
    light_gamma: float = field(default=1.0, metadata=field_meta(
        "Softness",
        "How the light falls off: below 1 it is soft and reaches further, above 1 it is hard and stays near its side.",
        minimum=0.1, maximum=10.0, step=0.05,
        group="numbers", axis=True, pad=True))
    intensity: float = field(default=1.0, metadata=field_meta(
        "Intensity", "How bright the light is: 0 leaves only its shadow side, 2 doubles it; light is clipped at white.",
        minimum=0.0, maximum=2.0, step=0.05,
        group="numbers", axis=True, pad=True))
    lights: tuple = field(default=(), metadata=field_meta(
        "Further lights", "More lights, each with its own light fields, added to the first in linear light.",
        group="numbers", pad=True, ui_config=False, convert=check_entries,
        schema={"type": "array", "items": {"type": "object"}}))
    set: str = field(default="none", metadata=field_meta(
        "Set of lights",
        "Several lights in one job, an image for each: sides (4), directions (8), lights (this light and each further one "
        "alone), sweep (frames from this light through the further ones), normals (4 sides, their normal map, mean and albedo), "
        "even (4 sides and their mean in the subject's own colours).",
        choices=SETS,
        group="numbers", axis=True, pad=True))
    set_frames: int = field(default=24, metadata=field_meta(
        "Frames", "Number of images of a sweep.", minimum=2, maximum=240, step=1,
        group="set", shown_for={"set": ("sweep",)}))
    set_easing: str = field(default="linear", metadata=field_meta(
        "Easing", "How a sweep moves from light to light: evenly, or smooth with a slow start and end.",
        choices=EASINGS,
        group="set", shown_for={"set": ("sweep",)}))
    set_loop: bool = field(default=True, metadata=field_meta(
        "Loop", "Return from the last light of a sweep to the first, so that it can be played in a loop.",
        group="set", shown_for={"set": ("sweep",)}))
    set_blend: float = field(default=0.0, metadata=field_meta(
        "Blend frames", "Mix the light map of each frame of a sweep with its neighbours' before sampling, for steadier frames.",
        minimum=0.0, maximum=1.0, step=0.05,
        group="set", shown_for={"set": ("sweep",)}))
    set_file: str = field(default="none", metadata=field_meta(
        "Animation", "Add the frames of a sweep as one file; mp4 needs the package av or imageio-ffmpeg.",
        choices=ANIMATIONS,
        group="set", shown_for={"set": ("sweep",)}))
    set_fps: float = field(default=12.0, metadata=field_meta(
        "Frames per second", "Speed of the animation.", minimum=0.1, maximum=50.0, step=0.1,
        group="set", shown_for={"set": ("sweep",)}))
    set_sheet: bool = field(default=False, metadata=field_meta(
        "Contact sheet", "Add all images of the set on one sheet, each with the name of its light.",
        group="set", shown_for={"set": ("sides", "directions", "lights")}))
    set_normals_y: str = field(default="opengl", metadata=field_meta(
        "Normal map's y", "Direction of the normal map's green: opengl is up, directx is down.",
        choices=NORMAL_Y,
        group="set", shown_for={"set": ("normals",)}))
    set_normals_file: str = field(default="none", metadata=field_meta(
        "Precise normal map", "Add the normal map as 16-bit PNG or as EXR with float numbers; exr needs the package OpenEXR.",
        choices=PRECISE_FILES,
        group="set", shown_for={"set": ("normals",)}))
    matting: str = field(default="auto", metadata=field_meta(
        "Cut-out",
        "How the subject is cut out: auto by the image's alpha or else the best model there, mask by your mask, none not at all.",
        suggestions=MATTINGS,
        group="numbers", axis=True, pad=True))
    matte_threshold: float = field(default=0.0, metadata=field_meta(
        "Cut-out threshold",
        "Make the cut-out's edge hard: pixels that are at least this opaque become the subject; 0 keeps it soft.",
        minimum=0.0, maximum=1.0, step=0.01,
        group="quality", pad=True))
    matte_grow: float = field(default=0.0, metadata=field_meta(
        "Grow cut-out", "Widen the cut-out by this many pixels of the subject image; below 0 shrinks it, against a bright rim.",
        minimum=-64.0, maximum=64.0, step=1.0,
        group="quality", pad=True))
    matte_feather: float = field(default=0.0, metadata=field_meta(
        "Feather cut-out", "Soften the cut-out's edge by this many pixels of the subject image.",
        minimum=0.0, maximum=64.0, step=0.5,
        group="quality", pad=True))
    reinforce: float = field(default=0.0, metadata=field_meta(
        "Keep subject colours (before sampling)",
        "Paste the subject onto the light map before sampling, so that more of its colours stays.",
        minimum=0.0, maximum=1.0, step=0.05,
        group="quality", axis=True))
    detail: float = field(default=0.0, metadata=field_meta(
        "Restore detail", "Restore the subject's fine detail, such as lettering and skin, after relighting.",
        minimum=0.0, maximum=1.0, step=0.05,
        group="quality", axis=True))
    detail_sigma: float = field(default=3.0, metadata=field_meta(
        "Detail size", "Size in pixels up to which structure counts as detail.", minimum=0.1, maximum=50.0, step=0.1,
        group="quality"))
    color_hold: float = field(default=0.0, metadata=field_meta(
        "Keep subject colours (after sampling)", "Keep the subject's own colours and take only the lightness of the new light.",
        minimum=0.0, maximum=1.0, step=0.05,
        group="quality", axis=True))
    keep_background: bool = field(default=False, metadata=field_meta(
        "Keep the original background", "Put the relit subject back in front of the image it came from.",
        group="quality", axis=True))
    condition_scale: float = field(default=1.0, metadata=field_meta(
        "Faithfulness to subject",
        "How strongly the subject, and the new background, hold the result; 1 is the original's value.",
        minimum=0.0, maximum=2.0, step=0.05,
        group="quality", axis=True))
    hr_option: str = field(default="both", metadata=field_meta(
        "Apply in", "The passes of a hires job that are relit: both, only the first (low) or only the hires pass (high).",
        choices=HR_OPTIONS,
        group="quality"))
    compensate_steps: bool = field(default=True, metadata=field_meta(
        "Run all steps", "Run the full number of steps although img2img starts late, as the original does.",
        group="quality"))
    output: str = field(default="result", metadata=field_meta(
        "Output",
        "What the job gives: its result; also the relit subject as a transparent cut-out (rgba), background, shadow and subject "
        "as layers of a Photoshop file (psd), or matte and light map as precise files (png16 with 16 bits, exr with floats).",
        choices=OUTPUTS,
        group="quality"))
    shadow: float = field(default=0.0, metadata=field_meta(
        "Contact shadow", "How dark the subject's shadow on the background is; it falls away from the light.",
        minimum=0.0, maximum=1.0, step=0.05,
        group="quality", axis=True))
    shadow_softness: float = field(default=0.5, metadata=field_meta(
        "Shadow softness", "How far the contact shadow blurs with the distance from where the subject stands.",
        minimum=0.0, maximum=1.0, step=0.05,
        group="quality", axis=True))
    place: tuple | None = field(default=None, metadata=field_meta(
        "Place",
        "Where the cut-out subject is put: its centre's x and y (0 to 1) and its scale, such as 0.5, 0.6, 0.8; empty leaves it.",
        convert=check_place, schema=PLACE_SCHEMA, group="numbers", axis=True, pad=True, ui_config=False))
    extras: bool | None = field(default=None, metadata=field_meta(
        "Save matte and light map too", "Add both to the results of the job.",
        group="quality", ui_config=False))

    def __post_init__(self):
        super().__post_init__()
        self.expand_setup()
        object.__setattr__(self, "lights", tuple(check_entry(*item) for item in enumerate(self.lights, 1)))

    def expand_setup(self) -> None:
        """Replace a named set-up by its lights: the first in the fields that have their default, the others before `lights`."""
        if self.light not in SETUPS:
            return
        key, *others = SETUPS[self.light]
        defaults = {item.name: item.default for item in fields(self)}
        for name, value in key.items():
            if name == "light" or getattr(self, name) == defaults[name]:
                object.__setattr__(self, name, value)
        object.__setattr__(self, "lights", (*others, *self.lights))


SET_FIELDS = {f.name: f.default for f in fields(IcLightParams) if f.name == "set" or f.name.startswith("set_")}
"""The fields of a set with their defaults."""
LIGHT_FIELDS = tuple(f.name for f in fields(IcLightParams) if f.name in ("light", "intensity") or f.name.startswith("light_"))
"""What an entry of `lights` may have."""


def params_from_dict(values: Mapping) -> IcLightParams:
    """Build the parameters from JSON values: missing keys take the default, unknown ones raise IcLightError."""
    reject_unknown(values, [f.name for f in fields(IcLightParams)], "iclight", IcLightError)
    return IcLightParams(**values)


def check_entry(number: int, entry: Mapping) -> dict[str, Any]:
    """Return entry `number` of `lights`, counted from 1, with its texts in the schema's spelling."""
    reject_unknown(entry, LIGHT_FIELDS, "lights", IcLightError)
    light, name = IcLightParams(**entry), IcLightParams.check("light", entry.get("light", "none"))
    if name not in COMPUTED_LIGHTS:
        raise IcLightError(f"`lights` entry {number} is {name!r}; choose one of {', '.join(COMPUTED_LIGHTS)} for it.")
    return {name: getattr(light, name) if isinstance(value, str) else value for name, value in entry.items()}
