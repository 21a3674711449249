"""Lights in front of and behind the image plane: formulas against written-out ones, and what the map shows."""

import math
from dataclasses import replace
from types import SimpleNamespace

import numpy as np
import pytest
from iclight.gradients import gradient
from sd_relight.lib_iclight.depth import direction, shading, surround_distance, wrapped_lambert
from sd_relight.lib_iclight.light_kinds import KINDS, Band
from sd_relight.lib_iclight.light_map import render_lights
from sd_relight.lib_iclight.light_sets import expand_set
from sd_relight.lib_iclight.params import IcLightParams
from sd_relight.lib_iclight.surface import decode_normals, distance_inside, inflate, surface_of
from sd_relight.training.rendering import held_out_scenes, light_vector, render

SIZE = 96


def disc(size=SIZE, share=0.35):
    y, x = np.mgrid[:size, :size] - (size - 1) / 2
    return (np.hypot(x, y) <= share * size).astype(np.float32)


@pytest.fixture(scope="module")
def body():
    return surface_of(disc(), None)


def test_directions_are_the_renderers():
    import torch
    for angle, elevation in [(0, 0), (30, 40), (200, -60), (0, 90)]:
        expected = light_vector(torch.tensor([float(angle)]), torch.tensor([float(elevation)]))[0]
        np.testing.assert_allclose(direction(angle, elevation), expected, atol=1e-6)


def test_shading_is_the_written_out_formula(body):
    light, band = IcLightParams(light="angle", light_angle=70, light_elevation=-35, light_gamma=0.5), Band(SIZE, SIZE, 0, SIZE)
    a, e, wrap = math.radians(70), math.radians(-35), 0.24
    found = shading(light, body, band)
    for y, x in [(48, 48), (20, 48), (30, 66), (48, 80)]:
        n, edge = body.normals[y, x], body.edge[y, x]
        flat = n[0] * math.cos(a) * math.cos(e) + n[1] * math.sin(a) * math.cos(e)
        lambert = max(0, (flat + n[2] * math.sin(e) + wrap) / (1 + wrap))
        assert found[y, x] == pytest.approx(max(lambert, edge**2 * min(1, max(0, flat - math.sin(e)))), abs=1e-5)


def test_a_spot_shines_from_its_point(body):
    light, band = IcLightParams(light="spot", light_x=0.25, light_y=0.75, light_elevation=45), Band(SIZE, SIZE, 0, SIZE)
    reach, right = 0.5 * SIZE, SIZE - 1
    for y, x in [(48, 48), (60, 40)]:
        away = np.array([0.25 * right - x, y - 0.75 * right, reach])
        near = 1 - min(1, math.hypot(away[0], away[1]) / reach)
        lambert = max(0, (body.normals[y, x] @ away / np.linalg.norm(away) + 0.12) / 1.12)
        assert shading(light, body, band)[y, x] == pytest.approx(lambert * near * near * (3 - 2 * near), abs=1e-5)


def test_another_kind_with_a_position_shines_from_there_too(body, monkeypatch):
    monkeypatch.setitem(KINDS, "lamp", replace(KINDS["spot"], name="lamp"))
    spot, band = IcLightParams(light="spot", light_x=0.25, light_y=0.75, light_elevation=-45), Band(SIZE, SIZE, 0, SIZE)
    lamp, flat = SimpleNamespace(**{**vars(spot), "light": "lamp"}), np.full((SIZE, SIZE), 0.5)
    np.testing.assert_array_equal(shading(lamp, body, band), shading(spot, body, band))
    np.testing.assert_array_equal(surround_distance(lamp, flat, band), flat)


def test_the_map_around_is_bright_from_behind_and_falls_to_the_corners_from_the_camera():
    band, flat = Band(5, 5, 0, 5), np.full((5, 5), 0.5)
    assert (surround_distance(IcLightParams(light="left", light_elevation=-90), flat, band) == 0).all()
    front = surround_distance(IcLightParams(light="left", light_elevation=90), flat, band)
    assert (front[2, 2], front[0, 0]) == pytest.approx((0, 1))
    assert surround_distance(IcLightParams(light="left", light_elevation=30), flat, band)[0, 0] == pytest.approx(0.75)


def test_a_disc_is_inflated_to_a_sphere():
    inside, normals = disc(share=0.4) > 0, inflate(disc(share=0.4))
    y, x = (np.mgrid[:SIZE, :SIZE] - (SIZE - 1) / 2) / (0.4 * SIZE)
    sphere = np.stack([x, -y, np.sqrt(np.maximum(0, 1 - x * x - y * y))], -1)
    near = np.hypot(x, y) < 0.85
    angles = np.degrees(np.arccos((normals * sphere).sum(-1).clip(-1, 1)))
    assert angles[near].max() < 8
    assert (normals[~inside] == (0, 0, 1)).all()
    np.testing.assert_allclose(np.linalg.norm(normals, axis=-1), 1)


def test_distances_are_exact_and_an_image_without_outline_has_one_at_its_border():
    inside = np.zeros((7, 9), bool)
    inside[2:6, 1:8] = True
    outer = np.argwhere(~inside)
    for y, x in np.argwhere(inside):
        assert distance_inside(inside)[y, x] == pytest.approx(np.hypot(*(outer - (y, x)).T).min() - 0.5)
    assert distance_inside(np.ones((3, 3), bool)).tolist() == [[0.5, 0.5, 0.5], [0.5, 1.5, 0.5], [0.5, 0.5, 0.5]]


def test_elevation_0_keeps_the_originals_bits(body):
    found = render_lights(IcLightParams(light="left"), "fc", SIZE, SIZE, surface=body)
    np.testing.assert_array_equal(found, gradient("left", SIZE, SIZE, 255, 0))


def test_small_elevations_lead_to_the_flat_map(body):
    flat = render_lights(IcLightParams(light="left"), "fc", SIZE, SIZE).astype(int)
    assert np.abs(render_lights(IcLightParams(light="left", light_elevation=0.01), "fc", SIZE, SIZE, surface=body) - flat).max() <= 4


def test_front_is_bright_in_the_middle_and_behind_at_the_outline(body):
    front, behind = (render_lights(IcLightParams(light="left", light_elevation=e), "fc", SIZE, SIZE, surface=body)[..., 0]
                     for e in (90, -90))
    assert front[48, 48] >= 250 and front[48, 15] < 200 and front[0, 0] == 0
    assert behind[48, 48] == 0 and behind[48, 17] > 100 and behind[0, 0] == 255
    left = render_lights(IcLightParams(light="left", light_elevation=-30), "fc", SIZE, SIZE, surface=body)[..., 0]
    assert left[48, 17] > 150 > 60 > left[48, 78]


def test_a_map_in_bands_is_the_whole_map(body, monkeypatch):
    from sd_relight.lib_iclight import light_map
    params = IcLightParams(light="spot", light_elevation=40, lights=[{"light": "top", "light_elevation": -70}])
    whole = render_lights(params, "fc", SIZE, SIZE, surface=body)
    monkeypatch.setattr(light_map, "BAND_PIXELS", 7 * SIZE)
    np.testing.assert_array_equal(render_lights(params, "fc", SIZE, SIZE, surface=body), whole)


def test_a_sweep_moves_the_elevation():
    params = IcLightParams(light="left", light_elevation=-90, lights=[{"light": "left", "light_elevation": 90}], set="sweep",
                           set_frames=3, set_loop=False)
    assert [frame.light_elevation for frame in expand_set(params)] == [-90, 0, 90]


def test_the_shaded_map_correlates_with_the_renderer():
    """benchmarks/depth_quality.py has all 64 objects."""
    renders = render(held_out_scenes(2, 2001), SIZE)
    for index in range(2):
        truth, inside = renders.normal[index].permute(1, 2, 0).numpy(), renders.alpha[index, 0].numpy() > 0.99
        body = surface_of(renders.alpha[index, 0].numpy(), truth.astype(np.float64))
        for angle, elevation in [(20, 25), (200, 60)]:
            facing = (truth * np.array(direction(angle, elevation))).sum(-1)
            expected = np.maximum(0, (facing + 0.12) / 1.12)
            found = shading(IcLightParams(light="angle", light_angle=angle, light_elevation=elevation), body, Band(SIZE, SIZE, 0, SIZE))
            assert np.corrcoef(found[inside], expected[inside])[0, 1] >= 0.95


def test_normal_maps_are_decoded_to_unit_vectors():
    found = decode_normals(np.array([[[128, 128, 255], [255, 128, 128], [127, 127, 127]]], np.uint8))
    np.testing.assert_allclose(found[0], [[0, 0, 1], [1, 0, 0], [0, 0, 1]], atol=0.01)
    assert wrapped_lambert(found, np.array([0.0, 0.0, 1.0]), 0.0)[0, 0] == pytest.approx(1, abs=1e-4)
