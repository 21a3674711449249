"""Sets of lights: which images they have, and the lights between the keys of a sweep."""

from dataclasses import replace
from types import SimpleNamespace

import numpy as np
import pytest
from sd_relight.lib_iclight.errors import IcLightError
from sd_relight.lib_iclight.light_kinds import KINDS
from sd_relight.lib_iclight.light_map import all_lights, render_lights
from sd_relight.lib_iclight.light_sets import expand_set, light_name, mixed_color, neighbours
from sd_relight.lib_iclight.light_setups import SETUPS
from sd_relight.lib_iclight.params import LIGHT_FIELDS, IcLightParams

RED_LEFT = {"light": "left", "light_color": "#ff0000"}


def names(params):
    return [one.light for one in expand_set(params)]


def test_one_image_without_a_set():
    params = IcLightParams(light="left")
    assert expand_set(params) == (params,)


@pytest.mark.parametrize(("name", "lights"), [
    ("sides", ["left", "right", "top", "bottom"]),
    ("directions", ["left", "top-left", "top", "top-right", "right", "bottom-right", "bottom", "bottom-left"])])
def test_named_sets_replace_the_light_and_keep_its_fields(name, lights):
    params = IcLightParams(set=name, light="spot", light_color="#ffb46b", lights=({"light": "ambient"},))
    assert names(params) == lights == names(IcLightParams(set=name))
    assert {(one.light_color, one.lights, one.set) for one in map(hashable, expand_set(params))} == {("#ffb46b", "ambient", "none")}


def hashable(params):
    return type("Fields", (), {"light_color": params.light_color, "lights": params.lights[0]["light"], "set": params.set})


def test_each_light_alone_equals_its_own_request():
    params = IcLightParams(set="lights", light="top", detail=0.5, lights=(RED_LEFT, {"light": "spot", "light_x": 0.2}))
    assert expand_set(params) == (IcLightParams(light="top", detail=0.5), IcLightParams(detail=0.5, **RED_LEFT),
                                  IcLightParams(detail=0.5, light="spot", light_x=0.2))


def sweep(*lights, frames=5, **fields):
    first, *more = lights
    return expand_set(IcLightParams(set="sweep", set_frames=frames, lights=tuple(more), **{"set_loop": False, **first, **fields}))


@pytest.mark.parametrize(("start", "end", "angles"), [
    ("right", "left", [0, 315, 270, 225, 180]),  # half a turn: down
    ("right", "top", [0, 22.5, 45, 67.5, 90]),
    ("bottom-right", "top-right", [315, 337.5, 0, 22.5, 45])])
def test_directions_turn_the_short_way(start, end, angles):
    found = sweep({"light": start}, {"light": end})
    assert [one.light_angle for one in found] == angles and {one.light for one in found} == {"angle"}


def test_neighbours_of_a_frame():
    fields = {"set": "sweep", "set_frames": 4, "lights": ({"light": "top"},)}
    assert [neighbours(IcLightParams(**fields), frame) for frame in (0, 1, 3)] == [[3, 1], [0, 2], [2, 0]]
    assert [neighbours(IcLightParams(**fields, set_loop=False), frame) for frame in (0, 1, 3)] == [[1], [0, 2], [2]]
    assert neighbours(IcLightParams(set="sides"), 1) == []


@pytest.mark.parametrize(("fields", "name"), [
    ({"light": "left"}, "left"), ({}, "none"), ({"light": "angle", "light_angle": 22.5}, "angle 22"),
    ({"light": "spot", "light_x": 0.25, "lights": ({"light": "ambient"},)}, "spot 0.25, 0.5 + ambient")])
def test_names_of_lights(fields, name):
    assert light_name(IcLightParams(**fields)) == name


def test_the_name_of_a_line_has_its_one_coordinate(monkeypatch):
    monkeypatch.setitem(KINDS, "tube", replace(KINDS["spot"], name="tube", fields=("light_y",)))
    assert light_name(SimpleNamespace(**{**vars(IcLightParams(light="spot", light_y=0.25)), "light": "tube"})) == "tube 0.25"


def test_a_sweep_mixes_every_number_of_a_light():
    numbers = {name: item for name, item in IcLightParams.__dataclass_fields__.items()
               if name in LIGHT_FIELDS and item.type.startswith("float")}
    ends = [{name: item.metadata[end] for name, item in numbers.items()} for end in ("minimum", "maximum")]
    middle = expand_set(IcLightParams(light="spot", **ends[0], lights=({"light": "spot", **ends[1]},), set="sweep", set_frames=3,
                                      set_loop=False))[1]
    assert {name: getattr(middle, name) for name in numbers} == {
        **{name: pytest.approx((ends[0][name] + ends[1][name]) / 2) for name in numbers}, "light_angle": 0}


def test_a_loop_returns_to_its_first_light_without_repeating_it():
    found = sweep({"light": "right"}, {"light": "top"}, frames=4, set_loop=True)
    assert [one.light_angle for one in found] == [0, 45, 90, 45]


def test_smooth_is_slow_at_both_ends():
    found = sweep({"light": "spot", "light_x": 0.0}, {"light": "spot", "light_x": 1.0}, set_easing="smooth")
    np.testing.assert_allclose([one.light_x for one in found], [0, 0.15625, 0.5, 0.84375, 1])


def test_levels_softness_and_intensity_are_interpolated():
    found = sweep({"light": "right", "light_gamma": 2.0, "intensity": 1.5}, {"light": "top", "light_end": 100.0}, frames=3)[1]
    assert (found.light_start, found.light_end, found.light_gamma, found.intensity) == (None, 50.0, 1.5, 1.25)
    assert sweep({"light": "right"}, {"light": "top"}, frames=3)[1].light_start is None


def test_colours_are_mixed_in_linear_light():
    assert mixed_color("#000000", "#ffffff", 0.5) == "#bcbcbc"  # linear 0.5 is sRGB 187.5
    assert mixed_color("2700K", "2700K", 0.3) == "2700K"
    assert sweep({"light": "top", "light_color": "#ff0000"}, RED_LEFT | {"light_color": "#0000ff"}, frames=3)[1].light_color == "#bc00bc"


def test_unlike_kinds_are_cross_faded():
    middle = sweep({"light": "left"}, {"light": "spot", "light_x": 0.3}, frames=5)[1]
    assert (middle.light, middle.lights[0]["light"]) == ("angle", "spot")
    np.testing.assert_allclose([middle.intensity, middle.lights[0]["intensity"]], [0.522522, 0.050876], atol=1e-6)  # sRGB 0.75, 0.25


def test_a_sweep_has_no_jumps():
    """No step between frames is above three times the median step, through sides, corners, spots and colours."""
    keys = [{"light": "left"}, {"light": "top-left"}, {"light": "top"}, {"light": "spot", "light_color": "#ff8040"}]
    maps = [render_lights(one, "fc", 48, 64).astype(float) for one in sweep(*keys, frames=24, set_loop=True)]
    steps = [np.abs(a - b).mean() for a, b in zip(maps, [*maps[1:], maps[0]], strict=True)]
    assert max(steps) <= 3 * np.median(steps), steps


@pytest.mark.parametrize(("fields", "sentence"), [
    ({"set": "lights", "light": "left"}, "`set` is 'lights' but the number of lights is 1; it needs at least 2: add entries to `lights`."),
    ({"set": "sweep"}, "`set` is 'sweep' but the number of lights is 0; it needs at least 2: add entries to `lights`."),
    ({"set": "sides", "light": "custom"},
     "`set` is 'sides' but `light` is 'custom', which is one image; choose another light, or set `set` to 'none'.")])
def test_sets_without_their_lights(fields, sentence):
    with pytest.raises(IcLightError) as caught:
        expand_set(IcLightParams(**fields))
    assert str(caught.value) == sentence


@pytest.mark.parametrize("name", SETUPS)
def test_a_named_setup_is_its_list_of_lights(name):
    params = IcLightParams(light=name, lights=[{"light": "top"}])
    written = [{key: getattr(light, key) for key in entry} for light, entry in zip(all_lights(params), SETUPS[name])]
    assert written == list(SETUPS[name]) and params.lights[-1] == {"light": "top"}
    assert replace(params, intensity=0.1).lights == params.lights
    assert render_lights(params, "fc", 32, 32).any()


def test_a_setup_keeps_the_fields_that_are_given_and_is_no_entry_of_lights():
    params = IcLightParams(light="Rembrandt", light_color="#ff0000", light_elevation=10)
    assert (params.light, params.light_angle, params.light_elevation, params.light_color) == ("angle", 140, 10, "#ff0000")
    with pytest.raises(IcLightError, match="`lights` entry 1 is 'rim'; choose one of left, "):
        IcLightParams(lights=[{"light": "rim"}])
