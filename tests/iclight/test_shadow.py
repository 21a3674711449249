"""The contact shadow: where it falls, against the formula written out, and what it leaves alone."""

import math
from dataclasses import replace
from types import SimpleNamespace

import numpy as np
import pytest
from sd_relight.lib_iclight import shadow
from sd_relight.lib_iclight.light_kinds import KINDS, ignored_fields
from sd_relight.lib_iclight.light_map import all_lights
from sd_relight.lib_iclight.params import IcLightParams
from sd_relight.lib_iclight.shadow import darken, moved, shadow_alpha, shadow_density, shares, slopes, towards
from sd_relight.lib_iclight.srgb import to_srgb

TOP, BASE, LEFT, RIGHT = 20, 68, 42, 54


@pytest.fixture
def matte():
    """96 x 96, an upright body of 12 x 48."""
    alpha = np.zeros((96, 96), np.float32)
    alpha[TOP:BASE, LEFT:RIGHT] = 1
    return alpha


def density(matte, softness=0.3, **light):
    return shadow_density(matte, all_lights(IcLightParams(**light)), softness)


def test_it_falls_away_from_the_light(matte):
    left, right = density(matte, light="left"), density(matte, light="right")
    assert left[:, RIGHT + 6:].sum() > 20 * left[:, :LEFT - 6].sum()
    np.testing.assert_allclose(right, left[:, ::-1], atol=1e-6)
    front, behind = (density(matte, light="top", light_elevation=elevation) for elevation in (60, -60))
    assert front[BASE + 8:].max() < 0.05 < 0.2 < behind[BASE + 8:].max()


def test_without_a_direction_and_from_below_it_is_where_the_subject_stands(matte):
    for light in ({}, {"light": "ambient"}, {"light": "bottom"}):
        found = density(matte, **light)
        assert found[BASE - 1, LEFT:RIGHT].min() > 0.5 and found[:BASE - 12].max() < 0.01
        np.testing.assert_array_equal(found, density(matte))


def test_lights_share_it_by_their_luminance():
    lights = all_lights(IcLightParams(light="left", lights=({"light": "right", "intensity": 0.5}, {"light": "ambient", "intensity": 1.5},
                                                            {"light": "top", "light_color": "#00ff00", "intensity": 0.0})))
    assert [(light.light, pytest.approx(share)) for light, share in shares(lights)] == [("left", 1 / 3), ("right", 1 / 6), ("top", 0)]


def test_softness_blurs_with_the_distance(matte):
    near, far = slice(BASE - 6, BASE), slice(0, BASE - 14)
    sharp, soft = (density(matte, softness, light="left", light_elevation=20) for softness in (0.0, 1.0))
    slope = [np.abs(np.diff(one[rows, RIGHT + 8:], axis=0)).max() for one in (sharp, soft) for rows in (near, far)]
    assert slope[3] < 0.5 * slope[1] and slope[1] > 0.1, "the far end loses its edge"


def test_rows_move_by_the_formula_written_out(rng):
    grid, across, down, blur = rng.random((7, 9)), rng.uniform(-3, 3, 7), rng.uniform(0, 7, 7), rng.uniform(0.8, 2, 7)

    def normal(x, s):
        return math.exp(-0.5 * (x / s) ** 2) / (s * math.sqrt(2 * math.pi))

    expected = [[0.5 * sum(grid[y, x] * normal(column - x - across[y], blur[y]) * normal(row + 0.5 - down[y], blur[y] / 2 + 0.3)
                           for y in range(7) for x in range(9)) for column in range(9)] for row in range(7)]
    np.testing.assert_allclose(moved(grid, across, down, blur, 0.5), expected, atol=1e-3)


def test_slopes_of_a_light():
    assert slopes((0.6, 0.8, 0.0)) == pytest.approx((-0.75, 0.3 * 0.5 / 0.8, 1))
    assert slopes((1.0, 0.0, 0.0)) == pytest.approx((-1 / 0.7, 0.3 * 0.5 / 0.7, 1))
    assert slopes((0.8, -0.25, 0.0))[2] == pytest.approx(0.5) and slopes((0.0, -1.0, 0.0))[2] == 0
    assert slopes((0.0, 0.0, -1.0)) == pytest.approx((0, -0.3 * 0.5 / 0.7, 1))


def test_strength_is_a_share_of_the_light_in_linear_light(matte):
    lights = all_lights(IcLightParams(light="left"))
    blocked = shadow_density(matte, lights, 0.5)
    alpha = shadow_alpha(matte, lights, 0.6, 0.5)
    np.testing.assert_allclose(1 - alpha / 255, to_srgb(1 - 0.6 * blocked), atol=0.5 / 255 + 1e-6)
    np.testing.assert_array_equal(darken(np.full((96, 96, 3), 200, np.uint8), alpha)[..., 0], np.rint(200 * (1 - alpha / 255)))
    assert shadow_alpha(matte, lights, 0.0, 0.5).max() == 0 == shadow_alpha(matte * 0, lights, 1.0, 0.5).max()


def test_a_spot_casts_it_from_its_place(matte):
    left, right = (density(matte, light="spot", light_x=x, light_y=0.2) for x in (0.0, 1.0))
    assert left[:, RIGHT + 6:].sum() > 5 * left[:, :LEFT - 6].sum() and right[:, :LEFT - 6].sum() > 5 * right[:, RIGHT + 6:].sum()


def test_another_kind_with_a_position_casts_it_from_there_too(matte, monkeypatch):
    monkeypatch.setitem(KINDS, "lamp", replace(KINDS["spot"], name="lamp"))
    spot = IcLightParams(light="spot", light_x=0.1, light_y=0.2, light_elevation=30)
    assert towards(SimpleNamespace(**{**vars(spot), "light": "lamp"}), matte) == towards(spot, matte)
    assert towards(spot, matte) != towards(replace(spot, light_x=0.9), matte)


@pytest.mark.parametrize(("field", "direction"), [("light_x", (-1, 0, 0)), ("light_y", (0, 1, 0))])
def test_a_line_casts_it_from_its_nearest_point(matte, monkeypatch, field, direction):
    monkeypatch.setitem(KINDS, "tube", replace(KINDS["spot"], name="tube", fields=(field,)))
    spot = IcLightParams(light="spot", light_x=0.1, light_y=0.2)
    assert towards(SimpleNamespace(**{**vars(spot), "light": "tube"}), matte) == direction


def test_a_kind_without_a_direction_casts_none(monkeypatch):
    monkeypatch.setitem(KINDS, "glow", replace(KINDS["spot"], name="glow", fields=("light_radius",)))
    glow = SimpleNamespace(**{**vars(IcLightParams(light="spot")), "light": "glow"})
    assert shares([glow]) == [] and "light_elevation" in ignored_fields("glow")


def test_large_images_have_the_shadow_of_a_smaller_one(matte, monkeypatch):
    large = np.kron(matte, np.ones((4, 4), np.float32))
    whole = density(large, light="left")
    monkeypatch.setattr(shadow, "GRID", 128)
    assert np.abs(density(large, light="left") - whole).mean() < 0.01
