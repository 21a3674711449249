"""`lights` in the panel: a JSON text, validated like the API's list, written to the infotext and pasted back."""

import json

import pytest
from PIL import Image
from sd_relight.lib_iclight.params import IcLightParams
from sd_relight.lib_relight.base.errors import UserError
from sd_relight.lib_relight.request.infotext import MARKER, key_of, paste_fields, to_infotext
from sd_relight.lib_relight.request.panel_values import PANEL_ORDER, parse_request
from sd_relight.lib_relight.request.presets import PRESET_FIELDS, default_value
from sd_relight.lib_relight.request.request import IcLightImages

TWO = '[{"light": "spot", "light_x": 0.25}, {"light": "top", "light_color": "#ff8800"}]'


def parse(**changes):
    values = {name: default_value(name) if name in PRESET_FIELDS else None for name in PANEL_ORDER}
    values |= {"enabled": True, "foreground": Image.new("RGBA", (64, 64)), **changes}
    return parse_request([values[name] for name in PANEL_ORDER])


def test_the_text_is_the_apis_list():
    assert parse(lights=TWO).iclight.lights == tuple(json.loads(TWO))
    assert parse().iclight.lights == parse(lights="").iclight.lights == ()


@pytest.mark.parametrize("text, sentence", [
    ("left", "`lights` is 'left'; it must be a JSON list of lights, such as [{\"light\": \"left\"}], or empty."),
    ('{"light": "left"}', "`lights` is '{\"light\": \"left\"}'; it must be a JSON list of lights"),
    ("[1]", "`lights` is [1]; it must be a list of objects with light fields."),
    ('[{"light": "behind"}]', "`light` is 'behind'; choose one of none, left"),
    ('[{"angle": 3}]', "`lights` has no field `angle`; did you mean `light_angle`?"),
    ('[{"light": "custom"}]', "`lights` entry 1 is 'custom'; choose one of left"),
])
def test_a_text_that_makes_no_lights_is_rejected(text, sentence):
    with pytest.raises(UserError) as caught:
        parse(lights=text)
    assert sentence in str(caught.value)


def test_infotext_and_back():
    params = IcLightParams(light="left", lights=json.loads(TWO))
    pairs = {MARKER: "fc, left", **to_infotext(params, IcLightImages())}
    assert pairs[key_of("lights")] == TWO
    pasted = {name: read(pairs) for name, read in paste_fields()}
    assert parse(lights=pasted["lights"]).iclight.lights == params.lights
    without = {name: read({MARKER: "fc, left"}) for name, read in paste_fields()}
    assert (without["lights"], without["place"]) == ("", "")


def test_a_place_in_the_infotext_and_back():
    params = IcLightParams(light="left", place={"x": 0.25, "scale": 0.5})
    pairs = {MARKER: "fc, left", **to_infotext(params, IcLightImages())}
    assert pairs[key_of("place")] == "0.25, 0.5, 0.5"
    pasted = {name: read(pairs) for name, read in paste_fields()}
    assert parse(place=pasted["place"]).iclight.place == params.place and parse(place="").iclight.place is None
