"""Draws random scenes: one clay-like object before a wall, lit by one coloured directional light.

World: x right, y up, z towards the (orthographic) viewer; the image spans [-1, 1] x [-1, 1]. Angles are degrees in
the image's plane: 0 = light from the right, 90 = from the top, counter-clockwise. Colours are linear RGB.
A *style* (object colours, wall, light colour, room) is shared by several *scenes* (shape, pose, light direction):
scenes of one style are each other's reference images for the IP-Adapter.
"""

from __future__ import annotations

import colorsys
import math
from dataclasses import dataclass

import numpy as np

SHAPES = ("ball", "cube", "ring", "vase", "blob", "cone")
COLOURS = {  # hue, saturation, value
    "red": (0.00, 0.80, 0.75), "orange": (0.075, 0.85, 0.85), "yellow": (0.14, 0.80, 0.88),
    "green": (0.33, 0.65, 0.60), "teal": (0.48, 0.65, 0.65), "blue": (0.61, 0.75, 0.75),
    "purple": (0.76, 0.60, 0.65), "pink": (0.92, 0.50, 0.88), "white": (0.10, 0.05, 0.88),
}
COLOUR_NAMES = tuple(COLOURS)
LIGHTS = {"warm": (1.00, 0.74, 0.46), "neutral": (1.0, 1.0, 1.0), "cool": (0.55, 0.76, 1.00)}
LIGHT_NAMES = tuple(LIGHTS)
ROOMS = ("", "dark room", "bright room")
DARK, BRIGHT = 1, 2
DIRECTIONS = {"right": 0.0, "top": 90.0, "left": 180.0, "bottom": 270.0}
TILT = {"cube": 0.5, "ring": 0.9, "blob": 1.5, "ball": 1.5, "vase": 0.22, "cone": 0.22}  # radians, standard deviation
PARAMETERS = 12
BOKEH = 6


@dataclass(frozen=True)
class Style:
    colour: int  # index into COLOUR_NAMES
    light: int  # index into LIGHT_NAMES
    room: int  # index into ROOMS
    albedo: np.ndarray  # [3]
    stripe_albedo: np.ndarray  # [3]; the albedo again where there are no stripes
    stripes: float  # stripe frequency, 0 = none
    wall: np.ndarray  # [3]
    light_rgb: np.ndarray  # [3]
    specular: float


@dataclass(frozen=True)
class Wall:
    """Brightness of the wall from the light's side to the other."""

    radial: bool
    reach: float  # radial: distance at which the light falls off; linear: exponent of the gradient
    gain: float
    floor: float  # radiance where no light arrives
    bokeh: np.ndarray  # [BOKEH, 4]: x, y, radius, gain; gain 0 = no disc


@dataclass(frozen=True)
class OtherLight:
    """The light of the condition image, which shows the same object on grey."""

    angle: float | None  # None = flat, from the viewer's side
    elevation: float
    rgb: np.ndarray  # [3]


@dataclass(frozen=True)
class Scene:
    style: Style
    shape: int  # index into SHAPES
    shape_params: np.ndarray  # [PARAMETERS], meaning by shape: see shapes.py
    rotation: np.ndarray  # [3, 3]
    centre: np.ndarray  # [2]
    scale: float
    angle: float
    elevation: float  # degrees towards the viewer
    intensity: float
    ambient: float
    wall: Wall
    other: OtherLight


def linear_rgb(hue: float, saturation: float, value: float) -> np.ndarray:
    """Convert HSV (hue 0..1, wrapping; the others clipped to 0..1) to linear RGB [3]."""
    unit = (min(max(v, 0.0), 1.0) for v in (saturation, value))
    return np.array(colorsys.hsv_to_rgb(hue % 1.0, *unit)) ** 2.2


def sample_style(rng: np.random.Generator) -> Style:
    colour = int(rng.integers(len(COLOUR_NAMES)))
    hue, saturation, value = COLOURS[COLOUR_NAMES[colour]]
    albedo = linear_rgb(hue + rng.normal(0, 0.012), saturation + rng.normal(0, 0.06), value + rng.normal(0, 0.06))
    stripes = float(rng.uniform(6, 14)) if rng.random() < 0.25 else 0.0
    stripe_albedo = albedo
    if stripes:
        stripe_albedo = np.clip(albedo * 0.35 + (0.0 if rng.random() < 0.5 else 0.5), 0, 1)
    wall = linear_rgb(rng.random(), rng.uniform(0.0, 0.65), rng.uniform(0.6, 0.95))
    light = int(rng.integers(len(LIGHTS)))
    light_rgb = np.clip(np.array(LIGHTS[LIGHT_NAMES[light]]) + rng.normal(0, 0.03, 3), 0.3, 1.05)
    room = int(rng.choice(3, p=[0.5, 0.25, 0.25]))
    return Style(colour, light, room, albedo, stripe_albedo, stripes, wall, light_rgb, float(rng.uniform(0.03, 0.25)))


def random_rotation(rng: np.random.Generator, tilt: float) -> np.ndarray:
    """Draw a rotation [3, 3]: any angle about y, then about `tilt` radians about x and z."""
    a, b, c = rng.uniform(0, 2 * math.pi), rng.normal(0, tilt), rng.normal(0, tilt)
    about_y = np.array([[math.cos(a), 0, math.sin(a)], [0, 1, 0], [-math.sin(a), 0, math.cos(a)]])
    about_x = np.array([[1, 0, 0], [0, math.cos(b), -math.sin(b)], [0, math.sin(b), math.cos(b)]])
    about_z = np.array([[math.cos(c), -math.sin(c), 0], [math.sin(c), math.cos(c), 0], [0, 0, 1]])
    return about_z @ about_x @ about_y


def sample_angle(rng: np.random.Generator) -> float:
    """Draw an angle in degrees; a little more than half of the draws are within about 8 degrees of an axis."""
    if rng.random() < 0.55:
        return float(rng.choice([0.0, 90.0, 180.0, 270.0]) + rng.normal(0, 8)) % 360
    return float(rng.uniform(0, 360))


def sample_shape(rng: np.random.Generator, kind: str) -> np.ndarray:
    """Draw the parameters of one shape, [PARAMETERS], as shapes.py defines them."""
    p = np.zeros(PARAMETERS)
    if kind == "ball":
        p[:3] = rng.uniform(0.7, 1.0, 3)
    elif kind == "cube":
        p[:3], p[3] = rng.uniform(0.5, 0.75, 3), rng.uniform(0.06, 0.2)
    elif kind == "ring":
        p[0], p[1] = rng.uniform(0.55, 0.7), rng.uniform(0.2, 0.32)
    elif kind == "vase":
        low = np.array([0.38, 0.1, 2.0, 0.0, -0.12, 0.8])
        p[:6] = rng.uniform(low, np.array([0.5, 0.22, 4.0, 6.3, 0.12, 0.95]))
    elif kind == "blob":
        p[:] = rng.uniform(-0.45, 0.45, PARAMETERS)
        p[3::4] = rng.uniform(0.38, 0.55, 3)
    else:
        p[0], p[1] = rng.uniform(0.6, 0.75), rng.uniform(0.75, 0.9)
    return p


def sample_wall(rng: np.random.Generator, room: int, ambient: float) -> Wall:
    gain = rng.uniform(*{DARK: (0.5, 0.9), BRIGHT: (1.0, 1.6)}.get(room, (0.7, 1.3)))
    radial = bool(rng.random() < 0.4)
    reach = rng.uniform(0.7, 1.2) if radial else rng.uniform(1.2, 2.6)
    bokeh = np.zeros((BOKEH, 4))
    if rng.random() < 0.4:
        n = int(rng.integers(1, BOKEH + 1))
        low, high = np.array([-1, -1, 0.05, 0.1]), np.array([1, 1, 0.2, 0.45])
        bokeh[:n] = rng.uniform(low, high, (n, 4))
    return Wall(radial, float(reach), float(gain), ambient, bokeh)


def sample_other_light(rng: np.random.Generator) -> OtherLight:
    flat = rng.random() < 0.4
    tint = 0.5 if rng.random() < 0.5 else 0.0
    rgb = np.clip(np.array(LIGHTS[LIGHT_NAMES[int(rng.integers(len(LIGHTS)))]]) * tint + 0.5, 0.3, 1.0)
    return OtherLight(None if flat else sample_angle(rng), float(rng.uniform(12, 60)), rgb)


def sample_scene(rng: np.random.Generator, style: Style, shape: int | None = None) -> Scene:
    """Draw a scene of this style; `shape` (an index into SHAPES) fixes the object."""
    shape = int(rng.integers(len(SHAPES))) if shape is None else shape
    kind = SHAPES[shape]
    ambient = float(rng.uniform(*{DARK: (0.02, 0.07), BRIGHT: (0.18, 0.3)}.get(style.room, (0.05, 0.18))))
    dimmed = 0.85 if style.room == DARK else 1.0
    return Scene(
        style, shape, sample_shape(rng, kind), random_rotation(rng, TILT[kind]), rng.uniform(-0.1, 0.1, 2),
        float(rng.uniform(0.66, 0.92)), sample_angle(rng), float(rng.uniform(12, 38)),
        float(rng.uniform(0.85, 1.2)) * dimmed, ambient, sample_wall(rng, style.room, ambient),
        sample_other_light(rng))


def direction_name(angle: float, tolerance: float = 25.0) -> str:
    """Return right, top, left or bottom if the angle is within `tolerance` degrees of it, else an empty string."""
    for name, axis in DIRECTIONS.items():
        if abs((angle - axis + 180) % 360 - 180) <= tolerance:
            return name
    return ""


def prompt_for(scene: Scene, rng: np.random.Generator, *, p_empty: float = 0.1, p_direction: float = 0.5,
               p_colour: float = 0.75) -> str:
    """Return a prompt for the scene in the vocabulary's words; randomly without direction, without colour or empty."""
    if rng.random() < p_empty:
        return ""
    style = scene.style
    colour = COLOUR_NAMES[style.colour] + " " if rng.random() < p_colour else ""
    text = f"a {colour}clay {SHAPES[scene.shape]}"
    side = direction_name(scene.angle)
    if rng.random() >= p_direction:
        side = ""
    if side or rng.random() < 0.75:
        light = LIGHT_NAMES[style.light] + " " if rng.random() < 0.85 else ""
        text += f", {light}light" + (f" from the {side}" if side else "")
    if style.room and rng.random() < 0.7:
        text += ", " + ROOMS[style.room]
    return text
