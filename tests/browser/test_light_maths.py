"""javascript/relight/light.js against lib_iclight: the same lights, pixel by pixel. No host is needed."""

import base64
import random
from dataclasses import fields, replace

import numpy as np
import pytest
from iclight.gradients import gradient
from PIL import Image
from sd_relight.lib_iclight.colors import kelvin_color
from sd_relight.lib_iclight.light_kinds import COMPUTED_LIGHTS, DIRECTIONS, KINDS
from sd_relight.lib_iclight.light_map import default_range, render_lights
from sd_relight.lib_iclight.params import LIGHT_FIELDS, IcLightParams
from sd_relight.lib_iclight.surface import decode_normals, surface_of

LIGHT_SCHEMA = [item for item in fields(IcLightParams) if item.name in LIGHT_FIELDS]
RENDER = """
const [cases] = arguments;
return cases.map(({lights, kind, width, height, custom, matte, normals}) => {
    const levels = matte ? Float64Array.from(matte, (level) => level / 255) : null;
    const surface = relight.depth.surfaceOf(levels, width, height, normals || null);
    const pixels = relight.light.render(lights, kind, width, height, custom && Uint8ClampedArray.from(custom), null, surface);
    let text = "";
    for (const value of pixels) text += String.fromCharCode(value);
    return btoa(text);
});
"""


@pytest.fixture(scope="module")
def javascript(load_modules):
    """javascript(cases) -> light maps; javascript.driver for the module's other functions."""
    driver = load_modules("light_kinds", "depth", "light", "pad_model")

    def render(cases):
        answers = driver.execute_script(RENDER, cases)
        images = [np.frombuffer(base64.b64decode(answer), np.uint8) for answer in answers]
        return [data.reshape(case["height"], case["width"], 4) for data, case in zip(images, cases)]

    render.driver = driver
    return render


def random_light(rng, kinds):
    light = {"light": rng.choice(kinds)}
    some = {item.name: rng.uniform(item.metadata["minimum"], item.metadata["maximum"]) for item in LIGHT_SCHEMA if item.type.startswith("float")}
    some |= {"light_angle": rng.choice([some["light_angle"], rng.randrange(-360, 361), 90 * rng.randrange(-4, 5)]),
             "light_elevation": rng.choice([0, some["light_elevation"]]), "light_end": float(rng.randrange(256)),
             "light_color": rng.choice([f"#{rng.randrange(1 << 24):06x}", f"{rng.uniform(1500, 15000):.1f}K"]),
             "intensity": rng.choice([0.0, 1.0, 2.0, some["intensity"]])}
    return {**light, **{name: value for name, value in some.items() if rng.random() < 0.5}}


def random_case(rng, noise):
    width, height = rng.randrange(1, 48), rng.randrange(1, 48)
    kinds = [*COMPUTED_LIGHTS, *(name for name in COMPUTED_LIGHTS if KINDS[name].fields)]
    lights = [random_light(rng, [*kinds, "custom"]), *(random_light(rng, kinds) for _ in range(rng.choice([0, 0, 1, 2, 7])))]
    custom = noise.integers(0, 256, (height, width, 4), np.uint8) if lights[0]["light"] == "custom" else None
    return {"lights": lights, "kind": rng.choice(["fc", "fcon", "fbc"]), "width": width, "height": height,
            "custom": None if custom is None else custom.ravel().tolist()}


def python_map(case):
    params = IcLightParams(**case["lights"][0], lights=case["lights"][1:])
    size = case["width"], case["height"]
    custom = case.get("custom") and np.array(case["custom"], np.uint8).reshape(size[1], size[0], 4)[..., :3]
    matte = case.get("matte") and np.array(case["matte"], np.float64).reshape(size[1], size[0]) / 255
    normals = case.get("normals") and decode_normals(np.array(case["normals"], np.uint8).reshape(size[1], size[0], 4)[..., :3])
    return render_lights(params, case["kind"], *size, custom, surface=surface_of(matte, normals))


def test_two_hundred_random_lights_are_pythons_within_one_level(javascript, rng):
    dice = random.Random(5)
    cases = [random_case(dice, rng) for _ in range(200)]
    assert {light["light"] for case in cases for light in case["lights"]} == {*COMPUTED_LIGHTS, "custom"}
    for case, answer in zip(cases, javascript(cases)):
        off = np.abs(answer[..., :3].astype(int) - python_map(case))
        assert off.max() <= 1, case
        assert (answer[..., 3] == 255).all() or case["lights"][0]["light"] == "custom"


@pytest.mark.parametrize("width, height, is_full", [(128, 80, False), (96, 128, False), (128, 128, True)])
def test_a_shaded_subject_is_pythons_within_one_level(javascript, rng, width, height, is_full):
    dice = random.Random(width)
    matte = Image.fromarray(rng.integers(0, 256, (5, 7), np.uint8)).resize((width, height), Image.BICUBIC)
    levels = [255] * (width * height) if is_full else np.asarray(matte).ravel().tolist()
    lights = [{**random_light(dice, COMPUTED_LIGHTS), "light_elevation": dice.uniform(-90, 90)} for _ in range(4)]
    cases = [{"lights": [light], "kind": "fc", "width": width, "height": height, "matte": levels} for light in lights]
    normals = rng.integers(0, 256, (height, width, 4), np.uint8)
    normals[:2] = 127  # too short for a direction
    cases += [{**cases[0], "lights": lights}, {**cases[0], "lights": lights, "normals": normals.ravel().tolist()}]
    cases.append({**cases[-1], "matte": None})
    for case, answer in zip(cases, javascript(cases)):
        assert np.abs(answer[..., :3].astype(int) - python_map(case)).max() <= 1, case["lights"]


ADD_KIND = """
const {KINDS} = relight.lightKinds, left = (light) => ({...light, light: "left"});
KINDS.glow = {...KINDS.direction, names: ["glow"], fields: arguments[0], gradient: () => null,
              distance: (light, ...size) => KINDS.direction.distance(left(light), ...size)};
"""


@pytest.fixture(params=[("light_x", "light_y", "light_radius"), ("light_x", "light_radius"), ("light_y", "light_radius"), ("light_angle",), ()],
                ids="-".join)
def added_kind(request, javascript, monkeypatch):
    """The fields of the kind "glow", which is in both tables during the test; its map is that of "left"."""
    monkeypatch.setitem(KINDS, "glow", replace(KINDS["left"], name="glow", fields=request.param, gradient=None))
    javascript.driver.execute_script(ADD_KIND, request.param)
    yield request.param
    javascript.driver.execute_script("delete relight.lightKinds.KINDS.glow")


@pytest.mark.parametrize("elevation", [0, 40, -40])
def test_an_added_kind_is_pythons_within_one_level(javascript, added_kind, rng, elevation):
    light = {"light_angle": 30, "light_x": 0.2, "light_y": 0.7, "light_radius": 0.4, "light_elevation": elevation}
    matte = np.asarray(Image.fromarray(rng.integers(0, 256, (5, 7), np.uint8)).resize((128, 96), Image.BICUBIC))
    params = IcLightParams(light="left", **light)
    object.__setattr__(params, "light", "glow")
    answer, = javascript([{"lights": [{**light, "light": "glow"}], "kind": "fc", "width": 128, "height": 96, "matte": matte.ravel().tolist()}])
    expected = render_lights(params, "fc", 128, 96, surface=surface_of(matte / 255, None))
    assert np.abs(answer[..., :3].astype(int) - expected).max() <= 1 and np.ptp(expected) > 100


def test_the_pad_keeps_the_fields_of_an_added_kind(javascript, added_kind):
    light = {"light": "glow", "light_angle": 30, "light_x": 0.2, "light_y": 0.7, "light_radius": 0.4}
    tidied = javascript.driver.execute_script("return relight.padModel.tidy(arguments[0])", light)
    kept = {name: value for name, value in tidied.items() if name in light and value == light[name]}
    assert kept == {"light": "glow", **{name: light[name] for name in added_kind}}


@pytest.mark.parametrize("width, height", [(64, 64), (51, 77), (1, 5), (128, 3)])
def test_named_lights_keep_the_originals_bits(javascript, width, height):
    cases = [{"lights": [{"light": light}], "kind": kind, "width": width, "height": height}
             for kind in ("fc", "fbc") for light in (*DIRECTIONS, "ambient")]
    for case, answer in zip(cases, javascript(cases)):
        light = case["lights"][0]["light"]
        expected = gradient(light, width, height, *default_range(case["kind"], light))
        np.testing.assert_array_equal(answer[..., :3], expected, err_msg=str(case))


def test_defaults_are_the_schemas(javascript):
    defaults = javascript.driver.execute_script("return relight.lightKinds.DEFAULTS")
    assert defaults == {item.name: item.default for item in LIGHT_SCHEMA}


def test_no_light_is_no_map(javascript):
    assert javascript.driver.execute_script("return relight.light.render([{light: 'none'}, {}], 'fc', 4, 4)") is None


@pytest.mark.parametrize("kelvin, color", [(1500, "#ff6c00"), (1900, "#ff8400"), (2700, "#ffa757"), (6600, "#ffffff"),
                                           (10000, "#cadaff"), (15000, "#b5cdff")])
def test_a_temperature_is_its_colour_and_back(javascript, kelvin, color):
    driver = javascript.driver
    assert driver.execute_script("return relight.light.kelvinToColor(arguments[0])", kelvin) == color
    assert abs(driver.execute_script("return relight.light.colorToKelvin(arguments[0])", color) - kelvin) <= 100


def test_every_temperature_is_pythons_colour(javascript):
    colors = javascript.driver.execute_script(
        "return Array.from({length: 271}, (_, i) => relight.light.hexOf(`${1500 + 50 * i}K`))")
    assert colors == ["#" + bytes(kelvin_color(kelvin).astype(np.uint8)).hex() for kelvin in range(1500, 15001, 50)]


def test_a_colour_that_does_not_glow_has_no_temperature(javascript):
    assert javascript.driver.execute_script("return relight.light.colorToKelvin('#00ff00')") is None
