"""Compares light maps with the demos' formulas (gradio_demo.py:239-258, gradio_demo_bg.py:238-261), bit for bit."""

import numpy as np
import pytest
from iclight.gradients import gradient
from sd_relight.lib_iclight.light_map import default_range

SIZES = [(512, 640), (513, 777), (64, 64), (640, 512), (1000, 8), (896, 471)]  # a mirrored ramp differs at 896 and 471


def original(light, width, height, bright, dark):
    """A linspace from the lit side to the other, repeated along the second axis, truncated to uint8 in three channels."""
    is_horizontal, lit_first = light in ("left", "right"), light in ("left", "top")
    ramp = np.linspace(*((bright, dark) if lit_first else (dark, bright)), width if is_horizontal else height)
    levels = np.broadcast_to(ramp if is_horizontal else ramp[:, None], (height, width))
    return np.repeat(levels[..., None], 3, axis=2).astype(np.uint8)


@pytest.mark.parametrize("size", SIZES)
@pytest.mark.parametrize("light", ["left", "right", "top", "bottom"])
@pytest.mark.parametrize("kind, bright, dark", [("fc", 255, 0), ("fcon", 255, 0), ("fbc", 224, 32)])
def test_directions(light, size, kind, bright, dark):
    ours = gradient(light, *size, *default_range(kind, light))
    reference = original(light, *size, bright, dark)
    assert ours.dtype == reference.dtype and ours.shape == reference.shape == (size[1], size[0], 3)
    assert ours.tobytes() == reference.tobytes()


@pytest.mark.parametrize("size", SIZES)
@pytest.mark.parametrize("kind, grey", [("fc", 127), ("fcon", 127), ("fbc", 64)])
def test_ambient(size, kind, grey):
    reference = np.zeros(shape=(size[1], size[0], 3), dtype=np.uint8) + grey
    ours = gradient("ambient", *size, *default_range(kind, "ambient"))
    assert ours.tobytes() == reference.astype(np.uint8).tobytes() and ours.shape == reference.shape


def kj_corner(light, width, height, start, end):
    """LightSource with multiplier 1 (reference/iclight.md 1b); the brightest pixel is the named corner."""
    x, y = np.linspace(0, 1, width), np.linspace(0, 1, height)
    if light.endswith("right"):
        x = np.linspace(1, 0, width)
    if light.startswith("bottom"):
        y = np.linspace(1, 0, height)
    x_mesh, y_mesh = np.meshgrid(x, y)
    distance = np.sqrt(x_mesh ** 2 + y_mesh ** 2) / np.sqrt(2.0)
    image = start + (end - start) * distance
    return np.stack((image,) * 3, axis=-1).clip(0, 255).astype(np.uint8)


@pytest.mark.parametrize("size", SIZES)
@pytest.mark.parametrize("light", ["top-left", "top-right", "bottom-left", "bottom-right"])
@pytest.mark.parametrize("kind", ["fc", "fbc"])
def test_corners(light, size, kind):
    start, end = default_range(kind, light)
    ours, reference = gradient(light, *size, start, end), kj_corner(light, *size, start, end)
    assert ours.tobytes() == reference.tobytes() and ours.shape == reference.shape
