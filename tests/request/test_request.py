"""API dict and panel values become one request; every mistake has its sentence."""

from dataclasses import fields

import numpy as np
import pytest
from PIL import Image
from sd_relight.lib_iclight.errors import IcLightError
from sd_relight.lib_iclight.params import IcLightParams
from sd_relight.lib_ipadapter.errors import IpAdapterError
from sd_relight.lib_ipadapter.params import IpAdapterParams
from sd_relight.lib_relight.base.errors import RelightError
from sd_relight.lib_relight.request.panel_values import LIGHT_FIELDS, PANEL_ORDER, UNIT_NAMES, parse_request

PHOTO = Image.new("RGB", (32, 32), "red")


def api(is_img2img=False, enabled=None, **body):
    payload = {"iclight": {"foreground": PHOTO, **body}}
    if enabled is not None:
        payload["enabled"] = enabled
    return parse_request([payload], is_img2img)


def panel(**changed):
    defaults = {f.name: f.default for f in fields(IcLightParams)}
    values = {**defaults, **dict.fromkeys(("foreground", "background", "light_map", "mask")), "enabled": True, "iclight": True,
              **changed}
    return parse_request([values.get(name) for name in PANEL_ORDER], False)


def test_missing_keys_take_the_default():
    request = api(light="left", reinforce=0.5)
    assert request.iclight == IcLightParams(light="left", reinforce=0.5)
    np.testing.assert_array_equal(request.images.foreground.rgb, np.asarray(PHOTO))
    assert request.images.background is None


def test_panel_and_api_say_the_same():
    assert panel(foreground=PHOTO, light="top", extras=False).iclight == api(light="top", extras=False).iclight


def test_extras_are_on_in_the_panel_and_off_in_the_api():
    assert panel(foreground=PHOTO).extras and not panel(foreground=PHOTO, extras=False).extras
    assert api(extras=True).extras and not api().extras


def test_panel_order_is_complete():
    units = tuple(f"unit{number}_{name}" for number in (1, 2, 3, 4) for name in UNIT_NAMES)
    assert PANEL_ORDER == ("enabled", "iclight", "foreground", "background", "light_map", "mask", *LIGHT_FIELDS, *units)
    assert {"model", "light", "matting", "reinforce", "hr_option", "compensate_steps"} <= set(LIGHT_FIELDS)
    assert {"enabled", "image", "more", "mask", "use_subject", "model", "weight", "weight_type"} <= set(UNIT_NAMES)


def test_panel_units(tmp_path):
    PHOTO.save(tmp_path / "two.png")
    unit = {"unit2_enabled": True, "unit2_model": "ip", "unit2_image": PHOTO, "unit2_more": [str(tmp_path / "two.png")],
            "unit2_weight": 0.5, "unit2_combine": "average", "unit2_image_weights": "1, 0.5", "unit2_negative_image": PHOTO}
    request = panel(iclight=False, **unit)
    assert request.iclight is None
    assert len(request.units) == 1 and len(request.units[0].images) == 2
    assert request.units[0].params == IpAdapterParams(model="ip", weight=0.5, combine="average", image_weights=(1.0, 0.5))
    assert request.units[0].negative_image is not None


def test_panel_unit_with_a_list_that_is_none():
    with pytest.raises(RelightError, match="`image_weights` is '1; 2'; it must be numbers such as 1, 0.5, or empty."):
        panel(iclight=False, unit1_enabled=True, unit1_model="ip", unit1_image=PHOTO, unit1_image_weights="1; 2")


def test_panel_unit_with_the_subject():
    unit = panel(foreground=PHOTO, unit1_enabled=True, unit1_model="ip", unit1_use_subject=True).units[0]
    assert unit.images == ("subject",) and unit.uses_subject


def test_nothing_chosen_in_the_panel():
    with pytest.raises(RelightError, match="Relight is on, but neither IC-Light nor a picture unit is enabled"):
        panel(iclight=False)


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
    ({"ip_adapter": 3}, "`ip_adapter` is int; it must be a list of objects with `model` and `image`."),
    ({"ip_adapter": [{"image": PHOTO}]}, "`model` of an `ip_adapter` unit is missing; name the adapter's file."),
    ({"ip_adapter": [{"model": "ip"}]}, "`image` of the `ip_adapter` unit 'ip' is missing; add a picture, or \"subject\"."),
    ({"ip_adapter": [{"model": "ip", "image": PHOTO, "mask": ["subject", PHOTO]}]},
     "`mask` of the `ip_adapter` unit 'ip' mixes \"subject\" with pictures"),
    ({"ip_adapter": [{"model": "ip", "image": PHOTO}] * 5}, "`ip_adapter` has 5 units; at most 4 work together."),
    ({"ip_adapter": [{"model": "ip", "image": PHOTO, "weigth": 1}]}, "`ip_adapter` has no field `weigth`; did you mean `weight`?"),
    ({"iclight": {"foreground": PHOTO, "reinforce": "much"}}, "`reinforce` is 'much'; it must be a number from 0 to 1."),
], ids=lambda value: str(value)[:30])
def test_mistakes(payload, sentence):
    with pytest.raises((RelightError, IcLightError, IpAdapterError), match=sentence):
        parse_request([payload], False)
