"""The ranges of a request's numbers: what the API's schema states and every job is checked against."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

from .errors import HostError

LARGEST = 2**63 - 1
PIXELS, PASSES, FACTOR, MIX = (8, 8192), (0, 1000), (0, 100), (0, 1)
LIMITS: dict[str, tuple[float, float]] = {
    "width": PIXELS, "height": PIXELS, "firstphase_width": (0, 8192), "firstphase_height": (0, 8192),
    "hr_resize_x": (0, 8192), "hr_resize_y": (0, 8192), "seed_resize_from_h": (-1, 8192), "seed_resize_from_w": (-1, 8192),
    "steps": (1, 1000), "hr_second_pass_steps": PASSES, "batch_size": (1, 64), "n_iter": (1, 1000),
    "seed": (-1, LARGEST), "subseed": (-1, LARGEST), "subseed_strength": MIX,
    "cfg_scale": FACTOR, "distilled_cfg_scale": FACTOR, "hr_cfg": FACTOR, "hr_distilled_cfg": FACTOR, "image_cfg_scale": FACTOR,
    "denoising_strength": MIX, "eta": MIX, "hr_scale": (0.25, 8), "initial_noise_multiplier": (0, 10), "refiner_switch_at": MIX,
    "resize_mode": (0, 3), "inpainting_fill": (0, 3), "inpainting_mask_invert": MIX, "inpaint_full_res_padding": (0, 1024),
    "mask_blur": (0, 256), "mask_blur_x": (0, 256), "mask_blur_y": (0, 256),
}
OTHER_NUMBERS = (-LARGEST - 1, LARGEST)


def limits_of(name: str) -> tuple[float, float]:
    """Return the (lowest, highest) value of a field."""
    return LIMITS.get(name, OTHER_NUMBERS)


def check_numbers(fields: Mapping[str, Any]) -> None:
    """Raise HostError for a number outside of its field's range; None is a field's default."""
    for name, (low, high) in LIMITS.items():
        value = fields.get(name)
        if value is None:
            continue
        if isinstance(value, bool) or not isinstance(value, (int, float)) or not low <= value <= high or math.isnan(value):
            raise HostError(f"`{name}` is {str(value)[:40]}; it must be a number from {low:g} to {high:g}.")
