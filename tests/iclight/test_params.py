"""Tests IC-Light's parameters: defaults, ranges and validation errors."""

import dataclasses
import json

import pytest
from sd_relight.lib_iclight.errors import IcLightError
from sd_relight.lib_iclight.light_kinds import kinds_with
from sd_relight.lib_iclight.params import IMAGE_FIELDS, IMAGES_SHOWN_FOR, IcLightParams, params_from_dict

DEFAULTS = {
    "model": "auto", "background_flip": False, "light": "none", "light_angle": 0.0, "light_elevation": 0.0, "light_x": 0.5, "light_y": 0.5,
    "light_radius": 0.5, "light_start": None, "light_end": None, "light_color": "#ffffff", "light_gamma": 1.0, "intensity": 1.0,
    "lights": (), "set": "none", "set_frames": 24, "set_easing": "linear", "set_loop": True,
    "matting": "auto", "matte_threshold": 0.0, "matte_grow": 0.0, "matte_feather": 0.0, "reinforce": 0.0, "detail": 0.0, "detail_sigma": 3.0, "color_hold": 0.0,
    "keep_background": False, "set_blend": 0.0, "set_file": "none", "set_fps": 12.0, "set_sheet": False, "set_normals_y": "opengl",
    "set_normals_file": "none", "condition_scale": 1.0, "hr_option": "both", "compensate_steps": True, "output": "result", "shadow": 0.0, "shadow_softness": 0.5, "place": None, "extras": None,
}
OTHER = {
    "model": "iclight_fcon", "background_flip": True, "light": "top-left", "light_angle": -45, "light_elevation": 30, "light_x": 0.25,
    "light_y": 1, "light_radius": 2, "light_start": 200, "light_end": 10.5, "light_color": "#FFb46b",
    "light_gamma": 2.2, "intensity": 0.5, "lights": ({"light": "left", "light_color": "#ff0000", "intensity": 2},),
    "set": "sweep", "set_frames": 12, "set_easing": "smooth", "set_loop": False, "set_blend": 0.5, "set_file": "gif", "set_fps": 10,
    "set_sheet": True, "set_normals_y": "directx", "set_normals_file": "exr", "matting": "birefnet",
    "matte_threshold": 0.5, "matte_grow": -3, "matte_feather": 1.5, "reinforce": 0.3, "detail": 1, "detail_sigma": 1.5, "color_hold": 0.5, "keep_background": True,
    "condition_scale": 0.9, "hr_option": "low", "compensate_steps": False, "output": "rgba", "shadow": 0.5, "shadow_softness": 1, "place": (0.25, 0.5, 2), "extras": True,
}


def test_fields_and_defaults_are_those_of_the_design():
    assert dataclasses.asdict(IcLightParams()) == DEFAULTS
    assert IMAGE_FIELDS == ("foreground", "background", "light_map", "mask", "normal_map")


def test_every_field_carries_what_a_panel_needs():
    for field in dataclasses.fields(IcLightParams):
        assert field.metadata["label"] and field.metadata["help"].endswith("."), field.name
        assert field.metadata["help"].count(". ") == 0, f"{field.name}: one sentence"
        if field.type.startswith("float"):
            assert field.metadata["minimum"] < field.metadata["maximum"] and field.metadata["step"] > 0, field.name
    labels = [field.metadata["label"] for field in dataclasses.fields(IcLightParams)]
    assert len(set(labels)) == len(labels)


def test_a_dict_becomes_parameters_and_back():
    params = params_from_dict(OTHER)
    assert dataclasses.asdict(params) == OTHER
    again = json.loads(json.dumps(dataclasses.asdict(params)))
    assert params_from_dict(again) == params
    assert params_from_dict({}) == IcLightParams()
    assert isinstance(params.light_y, float) and isinstance(params.lights, tuple)


@pytest.mark.parametrize("values, sentence", [
    ({"lihgt": "left"}, "`iclight` has no field `lihgt`; did you mean `light`?"),
    ({"zzz": 1}, "`iclight` has no field `zzz`; known fields are model, background_flip"),
    ({"light": "lef"}, "`light` is 'lef'; choose one of none, left, right"),
    ({"light_elevation": 91}, "`light_elevation` is 91; it must be a number from -90 to 90."),
    ({"output": "psb"}, "`output` is 'psb'; choose one of result, rgba, psd, png16, exr."),
    ({"shadow": 2}, "`shadow` is 2; it must be a number from 0 to 1."),
    ({"hr_option": "most"}, "`hr_option` is 'most'; choose one of both, low, high"),
    ({"detail": 1.01}, "`detail` is 1.01; it must be a number from 0 to 1."),
    ({"detail": -0.1}, "`detail` is -0.1; it must be a number from 0 to 1."),
    ({"detail": float("nan")}, "`detail` is nan; it must be a number"),
    ({"detail": 10 ** 400}, "`detail` is 100.*; it must be a number"),
    ({"detail": True}, "`detail` is True; it must be a number"),
    ({"detail": "0.5"}, "`detail` is '0.5'; it must be a number"),
    ({"detail": None}, "`detail` is None; it must be a number"),
    ({"light_start": 256}, "`light_start` is 256; it must be a number from 0 to 255."),
    ({"background_flip": 1}, "`background_flip` is 1; it must be true or false."),
    ({"extras": "yes"}, "`extras` is 'yes'; it must be true or false."),
    ({"model": ""}, "`model` is ''; it must be a text."),
    ({"model": 3}, "`model` is 3; it must be a text."),
    ({"light_color": "red"}, "`light_color` is 'red'; write it as #rrggbb"),
    ({"light_color": "#12345"}, "`light_color` is '#12345'; write it as #rrggbb, for example #ffb46b, or as a temperature, for example "
                                "2700K."),
    ({"light_color": "900K"}, "`light_color` is '900K'; a temperature must be from 1500K to 15000K."),
    ({"lights": "left"}, "`lights` is 'left'; it must be a list"),
    ({"lights": ["left"]}, r"`lights` is \['left'\]; it must be a list"),
    ({"lights": [{"angle": 3}]}, "`lights` has no field `angle`; did you mean `light_angle`?"),
    ({"lights": [{"light_x": 2}]}, "`light_x` is 2; it must be a number from 0 to 1."),
    ({"place": 5}, "`place` is 5; it must be an object with x, y and scale, such as {\"x\": 0.5, \"y\": 0.6, \"scale\": 0.8}."),
    ({"place": "left"}, "`place` is 'left'; it must be an object with x, y and scale"),
    ({"place": {"z": 1}}, "`place` has no field `z`; known fields are x, y, scale."),
    ({"place": {"x": 7}}, "`place` has 7 as x; it must be a number from -1 to 2."),
    ({"place": [0.5, 0.5, "1"]}, "`place` has '1' as scale; it must be a number from 0.05 to 4."),
])
def test_errors_name_the_field_and_the_value(values, sentence):
    with pytest.raises(IcLightError, match=sentence.replace("?", r"\?").replace("(", r"\(")):
        params_from_dict(values)


def test_a_huge_value_does_not_fill_the_message():
    with pytest.raises(IcLightError, match="`light` is") as caught:
        params_from_dict({"light": "x" * 100_000})
    assert len(str(caught.value)) < 300


@pytest.mark.parametrize("value, place", [({"x": 0.25}, (0.25, 0.5, 1)), ({}, (0.5, 0.5, 1)), ("0.1, 0.2, 0.3", (0.1, 0.2, 0.3)),
                                          ("0.1 0.2 0.3", (0.1, 0.2, 0.3)), ("", None), ([], None), (None, None)])
def test_a_place_is_an_object_or_three_numbers(value, place):
    assert IcLightParams(place=value).place == place


def test_frozen():
    with pytest.raises(dataclasses.FrozenInstanceError):
        IcLightParams().light = "left"


def test_choices_are_stored_in_the_schemas_spelling():
    params = params_from_dict({"model": "FBC", "light": " Top-Left", "matting": "Alpha", "hr_option": "HIGH",
                               "lights": [{"light": "Left", "light_x": 1}]})
    assert (params.model, params.light, params.matting, params.hr_option) == ("fbc", "top-left", "alpha", "high")
    assert params.lights == ({"light": "left", "light_x": 1},)
    assert params_from_dict({"model": "My File"}).model == "My File"


def test_fields_tell_for_which_values_they_have_an_effect():
    shown_for = {item.name: item.metadata["shown_for"] for item in dataclasses.fields(IcLightParams) if "shown_for" in item.metadata}
    lights = ("light_angle", "light_x", "light_y", "light_radius")
    sets = {("sweep",): ("set_frames", "set_easing", "set_loop", "set_blend", "set_file", "set_fps"),
            ("sides", "directions", "lights"): ("set_sheet",), ("normals",): ("set_normals_y", "set_normals_file")}
    assert shown_for == {**{name: {"light": kinds_with(name)} for name in lights},
                         **{name: {"set": kinds} for kinds, names in sets.items() for name in names}}
    assert "angle" in kinds_with("light_angle") and "spot" in kinds_with("light_radius") and "left" not in kinds_with("light_x")
    assert IMAGES_SHOWN_FOR == {"light_map": {"light": ("custom",)}, "mask": {"matting": ("mask",)}}
