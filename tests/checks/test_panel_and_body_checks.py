"""The checks of the panel's values and of an API body: the job's own sentences, with what the browser knows of the images."""

import pytest
from checks.example_requests import IMAGE, SD15, panel_images, panel_values, sentences, state
from sd_relight.lib_relight.checks import iclight_checks
from sd_relight.lib_relight.checks.check import check_body, check_panel
from sd_relight.lib_relight.checks.messages import Level
from sd_relight.lib_relight.request.panel_values import ARGS_FORM


@pytest.mark.parametrize(("values", "given", "state", "errors", "warned"), [
    ({"enabled": False}, (), state(), [], 0),
    ({}, ("foreground",), state(), [], 0),
    ({}, (), state(), ["`foreground` is missing: txt2img needs the subject's image; add one, or use img2img."], 0),
    ({"light": "left"}, (), state(True, denoise=0.3, init_images=1), [], 1),
    ({"iclight": False}, (), state(),
     ["Relight is on, but neither IC-Light nor an IP-Adapter unit is enabled; enable one, or close Relight."], 0),
    ({"light_start": "dark"}, ("foreground",), state(), ["`light_start` is 'dark'; it must be a number, or empty."], 0),
    ({"light_start": "dark", "unit2_enabled": True}, ("foreground",), state(),
     ["`light_start` is 'dark'; it must be a number, or empty.",
      "Image 2: `image` of the `ip_adapter` unit 'auto' is missing; add an image, or \"subject\"."], 0),
    ({"unit2_enabled": True, "unit2_model": "ip-adapter"}, ("foreground",), state(),
     ["Image 2: `image` of the `ip_adapter` unit 'ip-adapter' is missing; add an image, or \"subject\"."], 0),
    ({"unit2_enabled": True, "unit2_model": "ip-adapter"}, ("foreground", "unit2_image"), state(), [], 0),
    ({"unit2_enabled": True, "unit2_model": "ip-adapter"}, ("foreground", "unit2_more"), state(), [], 0),
    ({"light": "left"}, ("foreground", "light_map", "mask"), state(), [], 0),
])
def test_the_panel_as_a_whole(values, given, state, errors, warned):
    found = check_panel(panel_values(**values), panel_images(*given), state)
    assert sentences(found, Level.ERROR) == errors and len(sentences(found, Level.WARNING)) == warned


def test_more_images_of_the_panel_have_weights():
    values = panel_values(unit1_enabled=True, unit1_model="ip-adapter", unit1_image_weights="1, 0.5")
    assert check_panel(values, panel_images("foreground", "unit1_more"), state()) == []
    assert len(check_panel(values, panel_images("foreground", "unit1_image"), state())) == 1


def checked(body, state):
    return check_body(body, state, ("prompt", "steps", "mask", "width", "height", "denoising_strength", "init_images", "alwayson_scripts"))


def sentences_of(found):
    return [message["sentence"] for message in found]


def test_body_of_a_check():
    def now(**known):
        return state(checkpoint=SD15, **known)

    typo = "`iclight` has no field `lihgt`; did you mean `light`?"
    assert checked({"iclight": {"lihgt": "left"}}, now) == {
        "errors": [{"field": "iclight", "value": None, "sentence": typo}], "warnings": []}
    found = checked({"iclight": {}, "ip_adapter": [{"model": "a", "weight": 1, "image": IMAGE}, {"model": "b", "weight": 9}]}, now)
    assert (found["errors"][0]["field"], found["errors"][0]["value"]) == ("weight", 9)
    assert checked({"enabled": False, "iclight": {}}, now) == {"errors": [], "warnings": []}
    found = checked({"iclight": {"light": "left"}, "tab": "img2img", "denoising_strength": 0.4, "width": 64, "height": 64}, now)
    weak = iclight_checks.weak_denoise(0.4)
    assert sentences_of(found["errors"]) == [iclight_checks.NO_INIT_IMAGE]
    assert found["warnings"] == [{"field": "denoising_strength", "value": 0.4, "sentence": weak}]


def test_body_is_the_jobs_own():
    """A job's payload as it is sent: host fields are ignored, Relight's arguments are parsed as in the job."""
    payload = {"prompt": "", "steps": 2, "mask": "x", "alwayson_scripts": {"ControlNet": {"args": [1]}, "relight": {"args": [
        {"iclight": {"light": "left", "foreground": IMAGE}}]}}}
    assert checked(payload, state) == {"errors": [], "warnings": []}
    payload["alwayson_scripts"]["relight"]["args"] = [None]
    assert sentences_of(checked(payload, state)["errors"]) == [f"`args` of Relight begins with None; {ARGS_FORM}."]
    payload["alwayson_scripts"]["relight"] = "{}"
    assert sentences_of(checked(payload, state)["errors"]) == [f"`Relight` in `alwayson_scripts` is '{{}}'; {ARGS_FORM}."]
    assert "`iclight` is given twice" in sentences_of(checked({
        "iclight": {}, "alwayson_scripts": {"Relight": {"args": [{}]}}}, state)["errors"])[0]


def test_tab_of_a_body():
    light = {"iclight": {"light": "left"}}
    no_subject = "`foreground` is missing: txt2img needs the subject's image; add one, or use img2img."
    assert sentences_of(checked(light, state)["errors"]) == [no_subject]
    assert checked({**light, "init_images": ["x"]}, state)["errors"] == []
    assert sentences_of(checked({**light, "tab": "extras"}, state)["errors"]) == ["`tab` is 'extras'; it must be txt2img or img2img."]


def test_unknown_fields_of_a_body():
    found = checked({"iclight": {"light": "left"}, "ip_adaptor": []}, state)
    assert sentences_of(found["errors"]) == ["`Relight` has no field `ip_adaptor`; did you mean `ip_adapter`?"]


@pytest.mark.parametrize("number", [10 ** 400, float("nan"), float("inf"), True, "0.3", None, [0.3]])
def test_body_with_a_denoise_that_is_no_number(number):
    found = checked({"iclight": {"light": "left", "foreground": None}, "tab": "img2img", "denoising_strength": number}, state)
    assert found["warnings"] == []
