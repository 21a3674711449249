"""Light maps of the original IC-Light demos: grey gradients at the true output size.

As initial latent of fc they run from 255 to 0, as background of fbc from 224 to 32 (gradio_demo.py and
gradio_demo_bg.py of lllyasviel/IC-Light). Directions are bit-equal to those: linspace, tile, truncation to uint8.
"""

from __future__ import annotations

import numpy as np

from .errors import IcLightError
from .params import DIRECTIONS

AMBIENT = {"fc": 127.0, "fbc": 64.0}
RANGE = {"fc": (255.0, 0.0), "fbc": (224.0, 32.0)}


def default_range(kind: str, light: str) -> tuple[float, float]:
    """Return the original's (start, end) grey levels, 0..255, for a model kind (fcon counts as fc) and a light."""
    family = "fbc" if kind == "fbc" else "fc"
    return (AMBIENT[family], AMBIENT[family]) if light == "ambient" else RANGE[family]


def light_range(params, kind: str) -> tuple[float, float]:
    """Return (start, end): what the user set, else the model's own value for each end that is None."""
    start, end = default_range(kind, params.light)
    return (start if params.light_start is None else params.light_start,
            end if params.light_end is None else params.light_end)


def compute_light_map(light: str, width: int, height: int, start: float, end: float) -> np.ndarray:
    """Return the light map, uint8 [height, width, 3], three equal channels.

    start is the grey level where the light is, end the one farthest away, both 0..255. A direction names its bright
    side, a corner its bright corner: "top-left" has start at the top left pixel and end at the bottom right one, with
    start + (end - start) * sqrt(x^2 + y^2) / sqrt(2) between (LightSource of kijai/ComfyUI-IC-Light, multiplier 1).
    "ambient" is flat at start. Values are truncated to uint8 as the original does.
    """
    if light == "ambient":
        grey = np.full((height, width), start, np.float64)
    elif light in ("left", "right"):
        grey = np.tile(ramp(light == "left", width, start, end), (height, 1))
    elif light in ("top", "bottom"):
        grey = np.tile(ramp(light == "top", height, start, end)[:, None], (1, width))
    elif light in ("top-left", "top-right", "bottom-left", "bottom-right"):
        grey = corner(light, width, height, start, end)
    else:
        raise IcLightError(f"`light` {light!r} has no light map of the original; choose one of {', '.join(DIRECTIONS)}, "
                           "ambient.")
    return np.stack((grey,) * 3, axis=-1).clip(0, 255).astype(np.uint8)


def ramp(bright_first: bool, size: int, start: float, end: float) -> np.ndarray:
    """float64 [size] between the levels, each order by its own linspace: a mirrored ramp can differ by a level."""
    return np.linspace(start, end, size) if bright_first else np.linspace(end, start, size)


def corner(light: str, width: int, height: int, start: float, end: float) -> np.ndarray:
    vertical, horizontal = light.split("-")
    x = np.linspace(0, 1, width) if horizontal == "left" else np.linspace(1, 0, width)
    y = np.linspace(0, 1, height) if vertical == "top" else np.linspace(1, 0, height)
    distance = np.sqrt(x[None, :] ** 2 + y[:, None] ** 2) / np.sqrt(2)
    return start + (end - start) * distance
