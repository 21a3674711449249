"""Asked from the left, lit from the left."""

import math

import pytest
import torch
from sd_relight.lib_iclight.surface import surface_of
from sd_relight.training.metrics import lit_difference, luma
from semantic.relighting import ANGLES, LEAST_CONTRAST, relight, relight_from_noise

pytestmark = pytest.mark.same_everywhere
AXES = ("left", "right", "top", "bottom")


@pytest.mark.parametrize("light", AXES)
def test_img2img_is_lit_from_the_side_that_was_asked_for(four_relights, objects, light):
    relit = torch.cat(four_relights[light])
    difference = lit_difference(relit, objects.images.alpha[:3], ANGLES[light])
    assert (difference > 0).all(), difference
    assert difference.mean() > LEAST_CONTRAST, difference


@pytest.mark.parametrize("light", AXES)
def test_opposite_lights_differ_on_the_same_object(four_relights, objects, light):
    """The object's own colours cannot explain the sign: the other light gives a smaller difference."""
    opposite = {"left": "right", "right": "left", "top": "bottom", "bottom": "top"}[light]
    angle, alpha = ANGLES[light], objects.images.alpha[:3]
    asked = lit_difference(torch.cat(four_relights[light]), alpha, angle)
    other = lit_difference(torch.cat(four_relights[opposite]), alpha, angle)
    assert (asked - other > 2 * LEAST_CONTRAST).all(), (asked, other)


def test_light_from_the_front_and_from_behind(host, objects):
    """From the front the middle is brighter than the edges, from behind the edges; benchmarks/depth_quality.py has 64 objects."""
    alpha = objects.alpha(1)
    edge, inside = torch.from_numpy(surface_of(alpha[0, 0].numpy(), None).edge)[None, None], alpha > 0.9
    middle, rim = inside & (edge < edge[inside].quantile(0.4)), inside & (edge > edge[inside].quantile(0.8))
    for elevation, sign in ((90, 1), (-90, -1)):
        relit = luma(relight(host, objects, 1, "top", light_elevation=elevation))
        assert sign * (relit[middle].mean() - relit[rim].mean()) > LEAST_CONTRAST / 2


@pytest.mark.parametrize("light", AXES)
def test_img2img_at_0_9(host, objects, light):
    relit = relight(host, objects, 3, light, denoise=0.9)
    assert lit_difference(relit, objects.alpha(3), ANGLES[light]) > LEAST_CONTRAST


@pytest.mark.parametrize("light", ["top-left", "top-right", "bottom-left", "bottom-right"])
def test_corners(host, objects, light):
    relit = relight(host, objects, 4, light)
    assert lit_difference(relit, objects.alpha(4), ANGLES[light]) > LEAST_CONTRAST


@pytest.mark.parametrize("angle", [20.0, 110.0, 200.0, 290.0])
def test_light_angle_sweep(host, objects, angle):
    """The side that is lit follows the angle: a ball's brighter side lies within 40 degrees of it."""
    relit = relight(host, objects, 0, "angle", light_angle=angle)
    assert lit_difference(relit, objects.alpha(0), angle) > LEAST_CONTRAST
    right, up = (float(lit_difference(relit, objects.alpha(0), axis)) for axis in (0.0, 90.0))
    found = math.degrees(math.atan2(up, right))
    assert abs((found - angle + 180) % 360 - 180) < 40, found


@pytest.mark.parametrize(("light", "i"), [("left", 0), ("right", 1), ("top", 2), ("bottom", 3)])
def test_txt2img_with_a_light(host, objects, light, i):
    relit = relight_from_noise(host, objects, i, {"light": light})
    assert lit_difference(relit, objects.alpha(i), ANGLES[light]) > LEAST_CONTRAST


@pytest.mark.parametrize("light", ["left", "right"])
def test_hires_keeps_the_side(host, objects, light):
    relit = relight_from_noise(host, objects, 5, {"light": light}, width=192, height=192, enable_hr=True, hr_scale=4 / 3,
                               hr_upscaler="Lanczos", hr_second_pass_steps=4, denoising_strength=0.6)
    assert relit.shape[-2:] == (256, 256)
    assert lit_difference(relit, objects.alpha(5), ANGLES[light]) > LEAST_CONTRAST
