"""Lights estimated from an image: on a sphere and on rendered objects; benchmarks/depth_quality.py has all 64 renders."""

import numpy as np
import pytest
from sd_relight.lib_iclight.depth import direction, wrapped_lambert
from sd_relight.lib_iclight.errors import IcLightError
from sd_relight.lib_iclight.light_fit import fit_lights
from sd_relight.lib_iclight.light_map import render_lights
from sd_relight.lib_iclight.params import IcLightParams
from sd_relight.lib_iclight.srgb import to_linear, to_srgb
from sd_relight.lib_iclight.surface import Surface

SIZE = 64
Y, X = (np.mgrid[:SIZE, :SIZE] - (SIZE - 1) / 2) / (0.45 * SIZE)
Z = np.sqrt(np.maximum(0, 1 - X * X - Y * Y))
BALL = Surface(np.where((Z > 0)[..., None], np.stack([X, -Y, Z], -1), (0.0, 0.0, 1.0)), (Z > 0).astype(float), 1 - Z)


def photo(*lights, ambient=0.1):
    """The ball under lights (angle, elevation, colour), uint8 [SIZE, SIZE, 3]."""
    shaded = [wrapped_lambert(BALL.normals, np.array(direction(a, e)), 0.12)[..., None] * np.array(color) for a, e, color in lights]
    return np.round(to_srgb(np.clip(ambient + sum(shaded), 0, 1)) * 255).astype(np.uint8)


def test_one_light_is_found_with_its_colour_and_the_ambient_light():
    key, ambient = fit_lights(photo((140, 40, (0.6, 0.3, 0.15))), BALL)
    assert key["light_angle"] == pytest.approx(140, abs=3) and key["light_elevation"] == pytest.approx(40, abs=3)
    assert (key["intensity"], key["light_color"][:3]) == (1.0, "#ff")
    assert ambient["light"] == "ambient" and ambient["intensity"] == pytest.approx(0.1 / 0.6 / 0.2122, abs=0.1)


def test_two_lights_are_found():
    first, second, _ = fit_lights(photo((180, 20, (0.5, 0.5, 0.5)), (20, 45, (0.25, 0.25, 0.25))), BALL, 2)
    assert (first["light_angle"], second["light_angle"]) == pytest.approx((180, 20), abs=8)
    assert second["intensity"] == pytest.approx(0.5, abs=0.1)


def test_the_lights_found_in_a_light_map_make_that_map():
    given = IcLightParams(light="angle", light_angle=60, light_elevation=35)
    shown = render_lights(given, "fc", SIZE, SIZE, surface=BALL)
    again = render_lights(IcLightParams(lights=fit_lights(shown, BALL)), "fc", SIZE, SIZE, surface=BALL)
    inside = BALL.matte > 0
    assert np.abs(again[inside].astype(int) - shown[inside]).mean() < 4


def test_stripes_of_one_hue_do_not_turn_the_light():
    angle, elevation = 70, 15
    linear = to_linear(photo((angle, elevation, (0.6, 0.6, 0.6)), ambient=0.15) / 255)
    dark = (np.sin(9 * (Y + 0.3 * X)) < 0)[..., None]
    image = np.round(to_srgb(linear * np.where(dark, 0.36, 1.0)) * 255).astype(np.uint8)
    light = fit_lights(image, BALL, 1)[0]
    found, given = np.array(direction(light["light_angle"], light["light_elevation"])), np.array(direction(angle, elevation))
    assert np.degrees(np.arccos(found @ given)) <= 5


@pytest.mark.parametrize(("image", "matte", "sentence"), [
    (np.zeros((SIZE, SIZE, 3), np.uint8), BALL.matte, "`light_from` is black where the subject is, so it shows no light; send another"),
    (photo((0, 30, (1, 1, 1))), np.zeros((SIZE, SIZE)), "`light_from` shows 0 pixels of a subject, too few to find its light; send a larger"),
])
def test_an_image_without_light_or_subject_is_an_error(image, matte, sentence):
    with pytest.raises(IcLightError, match=sentence):
        fit_lights(image, Surface(BALL.normals, matte, BALL.edge))
