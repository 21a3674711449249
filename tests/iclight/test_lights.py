"""Tests computed lights: angles, spots, gamma, colours and sums of lights."""

import numpy as np
import pytest
from iclight.gradients import gradient
from sd_relight.lib_iclight.errors import IcLightError
from sd_relight.lib_iclight.light_kinds import DIRECTIONS
from sd_relight.lib_iclight.light_map import all_lights, default_range, has_light, render_lights
from sd_relight.lib_iclight.params import IcLightParams

SIZE = (61, 43)


def grey(kind="fc", size=SIZE, **fields):
    light_map = render_lights(IcLightParams(**fields), kind, *size)
    assert light_map.shape == (size[1], size[0], 3) and light_map.dtype == np.uint8
    np.testing.assert_array_equal(light_map[..., 0], light_map[..., 2])
    return light_map[..., 0].astype(int)


def linear(value):
    value = np.asarray(value, float) / 255
    return np.where(value <= 0.04045, value / 12.92, ((value + 0.055) / 1.055) ** 2.4)


@pytest.mark.parametrize("kind", ["fc", "fbc"])
@pytest.mark.parametrize("light", [*DIRECTIONS, "ambient"])
def test_one_of_several_lights_keeps_its_bits(light, kind):
    reference = gradient(light, *SIZE, *default_range(kind, light))
    alone = IcLightParams(lights=({"light": light},))
    assert render_lights(alone, kind, *SIZE).tobytes() == reference.tobytes()


@pytest.mark.parametrize("angle, side", [(0, "right"), (90, "top"), (180, "left"), (270, "bottom"), (-90, "bottom"), (360, "right")])
def test_quarter_turns_are_the_sides_bit_for_bit(angle, side):
    np.testing.assert_array_equal(grey(light="angle", light_angle=angle), grey(light=side))


@pytest.mark.parametrize("light", [*DIRECTIONS])
def test_the_general_formula_agrees_with_the_named_lights(light):
    """A gamma next to 1 leaves the original's path; the image may differ by a level only."""
    assert np.abs(grey(light=light, light_gamma=1.0000001) - grey(light=light)).max() <= 1


@pytest.mark.parametrize("angle", [0.001, 89.999, 180.001, 269.999])
def test_the_angle_is_continuous_at_the_sides(angle):
    assert np.abs(grey(light="angle", light_angle=angle) - grey(light="angle", light_angle=round(angle))).max() <= 1


@pytest.mark.parametrize("angle, bright", [(45, (0, -1)), (135, (0, 0)), (225, (-1, 0)), (315, (-1, -1)), (20, (0, -1))])
def test_an_angle_is_brightest_in_its_corner_and_dark_opposite(angle, bright):
    levels = grey(light="angle", light_angle=angle)
    assert levels[bright] == 255 == levels.max() and levels[-1 - bright[0], -1 - bright[1]] == 0
    assert abs(levels[21, 30] - 127) <= 1


@pytest.mark.parametrize("angle", [13, 45, 77, 200])
def test_angles_mirror(angle):
    one = grey(light="angle", light_angle=angle)
    assert np.abs(one - grey(light="angle", light_angle=180 - angle)[:, ::-1]).max() <= 1
    assert np.abs(one - grey(light="angle", light_angle=-angle)[::-1]).max() <= 1
    assert np.abs(one + grey(light="angle", light_angle=angle - 180 if angle > 0 else angle + 180) - 255).max() <= 1


def test_an_angle_is_measured_in_pixels_not_in_sides():
    """At 45 degrees equal steps right and up brighten equally, also in a wide image."""
    levels = grey(light="angle", light_angle=45, size=(401, 101))
    assert abs((levels[50, 250] - levels[50, 200]) - (levels[0, 200] - levels[50, 200])) <= 1
    assert levels[0, 200] - levels[50, 200] == pytest.approx(255 * 50 / 500, abs=1)


def test_spot_centre_rim_and_middle():
    levels = grey(light="spot", light_x=0.25, light_y=0.5, light_radius=0.25, size=(201, 101))
    assert levels[50, 50] == 255 == levels.max() and (levels[50, 101:] == 0).all()
    assert levels[50, 75] == pytest.approx(127, abs=4) and levels[25, 50] == levels[75, 50]
    near = 1 - 12 / (0.25 * 201)
    assert levels[50, 62] == int(255 * (3 * near ** 2 - 2 * near ** 3))
    row = levels[50, 50:102]
    assert (np.diff(row) <= 0).all()
    assert levels[50, 50 + 20] == levels[50 + 20, 50] == levels[50, 50 - 20], "a circle, not an ellipse"


def test_spot_range_and_whole_image():
    assert (grey("fbc", light="spot", light_radius=0.01)[0] == 32).all()
    assert grey("fbc", light="spot", light_start=100, light_end=200)[21, 30] == 100


def test_intensity_scales_linear_light_between_the_shadow_side_and_white():
    """0: the shadow side everywhere; 2: twice the light above it, as two equal lights of a black shadow side; clipped."""
    fields = {"light": "left", "light_start": 180, "light_end": 40}
    assert (grey(intensity=0, **fields) == 40).all()
    ramp = linear(np.linspace(180, 40, SIZE[0]))
    for intensity in (0.5, 1.5):
        expected = linear(40) + intensity * (ramp - linear(40))
        assert np.abs(linear(grey(intensity=intensity, **fields)[0]) - expected).max() < 0.009
    twice = grey(light="left", lights=({"light": "left"},))
    np.testing.assert_array_equal(grey(light="left", intensity=2), twice)
    assert twice[0, 0] == 255
    inverted = grey(light="left", light_start=0, light_end=200, intensity=2)
    assert inverted[0, 0] == 0 and inverted[0, -1] == 200


def test_intensity_scales_ambient_light_and_custom_maps_as_a_whole(rng):
    assert (grey(light="ambient", intensity=0) == 0).all()
    assert np.abs(linear(grey(light="ambient", intensity=2)) - 2 * linear(127)).max() < 0.009
    custom = rng.integers(0, 256, (43, 61, 3), np.uint8)
    half = render_lights(IcLightParams(light="custom", intensity=0.5), "fc", *SIZE, custom)
    assert np.abs(linear(half) - linear(custom) / 2).max() < 0.009


@pytest.mark.parametrize("gamma", [0.5, 2.0, 4.0])
def test_gamma_shapes_the_fall_off_between_fixed_ends(gamma):
    levels = grey(light="left", light_gamma=gamma, light_start=240, light_end=20, size=(101, 3))
    assert levels[0, 0] == 240 and levels[0, -1] == 20
    assert levels[0, 50] == int(20 + 220 * 0.5 ** gamma)


def test_a_colour_multiplies_linear_light():
    coloured = render_lights(IcLightParams(light="left", light_color="#ff8000"), "fc", *SIZE)
    plain = grey(light="left")
    assert np.abs(coloured[..., 0].astype(int) - plain).max() <= 1
    assert (coloured[..., 2] == 0).all()
    expected = linear(np.linspace(255, 0, SIZE[0])) * linear(128)
    assert np.abs(linear(coloured[0, :, 1]) - expected).max() < 0.006
    assert coloured[0, 0, 1] == 128


def test_white_in_capitals_is_white():
    np.testing.assert_array_equal(grey(light="left", light_color="#FFFFFF"), grey(light="left"))


@pytest.mark.parametrize("kelvin, color", [("1500K", "#ff6c00"), ("2700k", "#ffa757"), ("6600 K", "#ffffff"), ("10000K", "#cadaff")])
def test_a_temperature_is_the_colour_of_its_lamp(kelvin, color):
    lamp, same = (render_lights(IcLightParams(light="left", light_color=text), "fc", *SIZE) for text in (kelvin, color))
    np.testing.assert_array_equal(lamp, same)


def test_two_lights_add_in_linear_light_in_any_order():
    one, two = {"light": "left", "light_start": 180}, {"light": "top", "light_start": 150}
    both = grey(lights=(one, two))
    expected = linear(np.linspace(180, 0, SIZE[0]))[None] + linear(np.linspace(150, 0, SIZE[1]))[:, None]
    assert np.abs(linear(both) - expected).max() < 0.009  # one level next to white
    assert np.abs(grey(lights=(two, one)) - both).max() <= 0
    assert np.abs(grey(**one, lights=(two,)) - both).max() == 0


def test_a_black_light_adds_nothing_and_white_clips():
    with_black = grey(light="left", lights=({"light": "top", "light_color": "#000000"},))
    np.testing.assert_array_equal(with_black, grey(light="left"))
    assert (grey(lights=({"light": "left"}, {"light": "right"}))[:, [0, -1]] == 255).all()
    assert (grey(lights=({"light": "ambient", "light_start": 255}, {"light": "spot"})) == 255).all()


def test_red_and_cyan_make_white():
    lights = ({"light": "left", "light_color": "#ff0000"}, {"light": "left", "light_color": "#00ffff"})
    np.testing.assert_array_equal(grey(lights=lights), grey(light="left"))


def test_custom_map_alone_tinted_and_with_another_light(rng):
    custom = rng.integers(0, 256, (43, 61, 3), np.uint8)
    params = IcLightParams(light="custom")
    np.testing.assert_array_equal(render_lights(params, "fc", *SIZE, custom), custom)
    tinted = render_lights(IcLightParams(light="custom", light_color="#ff00ff"), "fc", *SIZE, custom)
    assert (tinted[..., 1] == 0).all()
    np.testing.assert_array_equal(tinted[..., 0], custom[..., 0])
    dark = IcLightParams(light="custom", lights=({"light": "ambient", "light_start": 0},))
    np.testing.assert_array_equal(render_lights(dark, "fc", *SIZE, custom), custom)


@pytest.mark.parametrize("size", [(1, 1), (1, 9), (9, 1)])
@pytest.mark.parametrize("light", ["left", "top-left", "angle", "spot"])
def test_degenerate_sizes(light, size):
    levels = grey(light=light, light_angle=30, light_gamma=1.5, size=size)
    assert levels.shape == (size[1], size[0])


def test_which_lights_there_are():
    params = IcLightParams(light="left", lights=({"light": "spot"},))
    assert [light.light for light in all_lights(params)] == ["left", "spot"]
    assert has_light(params) and has_light(IcLightParams(lights=({"light": "spot"},))) and not has_light(IcLightParams())


@pytest.mark.parametrize("entry, name", [({}, "none"), ({"light": "custom"}, "custom")])
def test_entries_without_a_map_are_rejected(entry, name):
    with pytest.raises(IcLightError, match=f"`lights` entry 2 is '{name}'; choose one of left, right"):
        IcLightParams(lights=({"light": "left"}, entry))


def test_no_light_is_rejected():
    with pytest.raises(IcLightError, match="There is no light to compute: `light` is none; choose one of left"):
        render_lights(IcLightParams(), "fc", 8, 8)
