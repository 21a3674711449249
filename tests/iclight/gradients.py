"""The light map of one named light between two grey levels, as the original has it."""

import numpy as np
from sd_relight.lib_iclight.light_map import render_lights
from sd_relight.lib_iclight.params import IcLightParams


def gradient(light: str, width: int, height: int, start: float, end: float) -> np.ndarray:
    """Return uint8 [height, width, 3] from start at the light to end, 0..255."""
    return render_lights(IcLightParams(light=light, light_start=start, light_end=end), "fc", width, height)
