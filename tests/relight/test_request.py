"""API dict and panel values become one request; every mistake has its sentence."""

from dataclasses import fields

import numpy as np
import pytest
from PIL import Image

from sd_relight.lib_iclight.errors import IcLightError
from sd_relight.lib_iclight.params import IcLightParams
from sd_relight.lib_relight.messages import RelightError
from sd_relight.lib_relight.request import PANEL_FIELDS, PANEL_ORDER, parse_request

PHOTO = Image.new("RGB", (32, 32), "red")


def api(is_img2img=False, enabled=None, **body):
    payload = {"iclight": {"foreground": PHOTO, **body}}
    if enabled is not None:
        payload["enabled"] = enabled
    return parse_request([payload], is_img2img)


def panel(**changed):
    defaults = {f.name: f.default for f in fields(IcLightParams)}
    values = {**defaults, **dict.fromkeys(("foreground", "background", "light_map", "mask")), "enabled": True, **changed}
    return parse_request([values[name] for name in PANEL_ORDER], False)


def test_missing_keys_take_the_default():
    request = api(light="left", reinforce=0.5)
    assert request.iclight == IcLightParams(light="left", reinforce=0.5)
    np.testing.assert_array_equal(np.asarray(request.images.foreground), np.asarray(PHOTO))
    assert request.images.background is None


def test_panel_and_api_say_the_same():
    assert panel(foreground=PHOTO, light="top", extras=False).iclight == api(light="top", extras=False).iclight


def test_extras_are_on_in_the_panel_and_off_in_the_api():
    assert panel(foreground=PHOTO).iclight.extras is True
    assert not api().iclight.extras


def test_panel_order_is_complete():
    assert PANEL_ORDER == ("enabled", "foreground", "background", "light_map", "mask", *PANEL_FIELDS)
    assert {"model", "light", "matting", "reinforce", "hr_option", "compensate_steps"} <= set(PANEL_FIELDS)


def test_off():
    assert parse_request([False], False) is None
    assert parse_request([], False) is None
    assert panel(enabled=False) is None
    assert api(enabled=False) is None
    assert parse_request([{"iclight": {"enabled": False}}], False) is None


def test_panel_keeps_a_light_map_that_is_not_used():
    assert panel(foreground=PHOTO, light="left", light_map=PHOTO, mask=PHOTO).images.light_map is None
    assert panel(foreground=PHOTO, light="custom", light_map=PHOTO).images.light_map is not None


def test_img2img_needs_no_foreground():
    assert parse_request([{"iclight": {"light": "left"}}], True).images.foreground is None


@pytest.mark.parametrize("payload, sentence", [
    ({"iclight": {}, "iclihgt": 1}, "`Relight` has no field `iclihgt`; did you mean `iclight`?"),
    ({"iclight": {"lihgt": "left"}}, "`iclight` has no field `lihgt`; did you mean `light`?"),
    ({"iclight": []}, "`iclight` is list; it must be an object such as"),
    ({}, "`Relight` names nothing to do; add `iclight`"),
    ({"iclight": {}, "enabled": "no"}, "`enabled` of `Relight` is 'no'; it must be true or false."),
    ({"iclight": {}}, "`foreground` is missing: txt2img needs the subject's picture"),
    ({"iclight": {"foreground": PHOTO, "light": "custom"}}, "`light` is 'custom' but `light_map` is missing"),
    ({"iclight": {"foreground": PHOTO, "light": "left", "light_map": PHOTO}}, "`light_map` is given but `light` is 'left'"),
    ({"iclight": {"foreground": PHOTO, "matting": "mask"}}, "`matting` is 'mask' but `mask` is missing"),
    ({"iclight": {"foreground": PHOTO, "matting": "none", "mask": PHOTO}}, "`mask` is given but `matting` is 'none'"),
    ({"iclight": {"foreground": PHOTO, "light": "sideways"}}, "`light` is 'sideways'; choose one of none, left"),
    ({"iclight": {"foreground": PHOTO, "reinforce": 2}}, "`reinforce` is 2; it must be a number from 0 to 1."),
    ({"iclight": {"foreground": PHOTO, "reinforce": "much"}}, "`reinforce` is 'much'; it must be a number from 0 to 1."),
], ids=lambda value: str(value)[:30])
def test_mistakes(payload, sentence):
    with pytest.raises((RelightError, IcLightError), match=sentence):
        parse_request([payload], False)
