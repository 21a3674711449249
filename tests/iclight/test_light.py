"""Tests the gradients of IC-Light's demos."""

import numpy as np
import pytest
from iclight.gradients import gradient
from sd_relight.lib_iclight.light_kinds import DIRECTIONS
from sd_relight.lib_iclight.light_map import default_range, light_range
from sd_relight.lib_iclight.params import IcLightParams

CORNERS = {"top-left": (0, 0), "top-right": (0, -1), "bottom-left": (-1, 0), "bottom-right": (-1, -1)}


def test_a_ramp_of_five_is_truncated_like_the_original():
    row = gradient("left", 5, 1, 255, 0)[0, :, 0]
    assert row.tolist() == [255, 191, 127, 63, 0]
    column = gradient("bottom", 1, 5, 224, 32)[:, 0, 0]
    assert column.tolist() == [32, 80, 128, 176, 224]


@pytest.mark.parametrize("light, other, axis", [
    ("left", "right", 1), ("top", "bottom", 0), ("top-left", "top-right", 1), ("bottom-left", "bottom-right", 1),
    ("top-left", "bottom-left", 0)])
def test_opposite_lights_mirror_each_other_within_a_level(light, other, axis):
    one = gradient(light, 61, 43, 255, 0).astype(int)
    two = np.flip(gradient(other, 61, 43, 255, 0), axis).astype(int)
    assert np.abs(one - two).max() <= 1
    assert np.abs(one - gradient(other, 61, 43, 255, 0)).max() > 150


def test_left_and_top_are_each_others_transpose():
    left = gradient("left", 64, 32, 224, 32)
    np.testing.assert_array_equal(left.transpose(1, 0, 2), gradient("top", 32, 64, 224, 32))


@pytest.mark.parametrize("light", CORNERS)
def test_a_corner_is_brightest_at_its_own_corner(light):
    grey = gradient(light, 40, 24, 250, 10)[..., 0]
    row, column = CORNERS[light]
    assert grey[row, column] == 250 and (grey == 250).sum() == 1
    assert grey[-1 - row, -1 - column] == 10 and grey.min() == 10


def test_half_way_along_an_edge_a_corner_light_follows_the_root():
    grey = gradient("top-left", 101, 101, 255, 0)[..., 0]
    assert grey[0, 50] == int(255 - 255 * 0.5 / np.sqrt(2)) and grey[0, 100] == int(255 - 255 / np.sqrt(2))


@pytest.mark.parametrize("light", [*DIRECTIONS, "ambient"])
def test_shape_type_and_equal_channels(light):
    grey = gradient(light, 30, 20, 200, 50)
    assert grey.shape == (20, 30, 3) and grey.dtype == np.uint8
    np.testing.assert_array_equal(grey[..., 0], grey[..., 1])
    np.testing.assert_array_equal(grey[..., 0], grey[..., 2])


@pytest.mark.parametrize("light", DIRECTIONS)
def test_exchanged_ends_make_the_negative(light):
    dark = gradient(light, 33, 17, 0, 255).astype(int)
    assert np.abs(dark + gradient(light, 33, 17, 255, 0) - 255).max() <= 1


@pytest.mark.parametrize("light, opposite", [("left", "right"), ("right", "left"), ("top", "bottom"), ("bottom", "top")])
def test_exchanged_ends_of_a_side_are_the_opposite_side(light, opposite):
    np.testing.assert_array_equal(gradient(light, 33, 17, 32, 224), gradient(opposite, 33, 17, 224, 32))


def test_ambient_is_flat_at_start():
    assert (gradient("ambient", 9, 7, 127, 0) == 127).all()


def test_default_ranges_are_the_originals():
    assert default_range("fc", "left") == (255, 0)
    assert default_range("fcon", "top-left") == (255, 0)
    assert default_range("fbc", "left") == (224, 32)
    assert default_range("fc", "ambient") == (127, 127)
    assert default_range("fcon", "ambient") == (127, 127)
    assert default_range("fbc", "ambient") == (64, 64)


def test_each_end_of_the_range_is_the_models_unless_given():
    assert light_range(IcLightParams(light="left"), "fbc") == (224, 32)
    assert light_range(IcLightParams(light="left", light_start=0), "fbc") == (0, 32)
    assert light_range(IcLightParams(light="left", light_end=100), "fc") == (255, 100)


def test_a_single_pixel_is_lit():
    assert gradient("left", 1, 1, 255, 0).tolist() == [[[255, 255, 255]]]
