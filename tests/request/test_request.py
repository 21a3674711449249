"""Parsing of the API's dict and the panel's values, and the message for every mistake."""

from dataclasses import fields

import numpy as np
import pytest
from PIL import Image
from sd_relight.lib_iclight.errors import IcLightError
from sd_relight.lib_iclight.params import IcLightParams
from sd_relight.lib_ipadapter.errors import IpAdapterError
from sd_relight.lib_ipadapter.params import IpAdapterParams
from sd_relight.lib_relight.base.errors import RelightError
from sd_relight.lib_relight.request.panel_values import ICLIGHT_PANEL_FIELDS, PANEL_ORDER, UNIT_PANEL_NAMES, parse_request

PHOTO = Image.new("RGB", (32, 32), "red")
CLEAR = Image.new("RGBA", (32, 32))


def api(enabled=None, **body):
    payload = {"iclight": {"foreground": PHOTO, **body}}
    if enabled is not None:
        payload["enabled"] = enabled
    return parse_request([payload])


def panel(**changed):
    defaults = {f.name: f.default for f in fields(IcLightParams)}
    values = {**defaults, **dict.fromkeys(("foreground", "background", "light_map", "mask", "normal_map")), "enabled": True, "iclight": True,
              **changed}
    return parse_request([values.get(name) for name in PANEL_ORDER])


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
    units = tuple(f"unit{number}_{name}" for number in (1, 2, 3, 4) for name in UNIT_PANEL_NAMES)
    assert PANEL_ORDER == ("enabled", "iclight", "foreground", "background", "light_map", "mask", "normal_map", *ICLIGHT_PANEL_FIELDS, *units)
    assert {"model", "light", "matting", "reinforce", "hr_option", "compensate_steps"} <= set(ICLIGHT_PANEL_FIELDS)
    assert {"enabled", "image", "more", "mask", "use_subject", "model", "weight", "weight_type"} <= set(UNIT_PANEL_NAMES)


def test_panel_units(tmp_path, monkeypatch):
    monkeypatch.setenv("GRADIO_TEMP_DIR", str(tmp_path))
    PHOTO.save(tmp_path / "two.png")
    unit = {"unit2_enabled": True, "unit2_model": "ip", "unit2_image": PHOTO, "unit2_more": [str(tmp_path / "two.png")],
            "unit2_weight": 0.5, "unit2_combine": "average", "unit2_image_weights": "1, 0.5", "unit2_negative_image": PHOTO}
    request = panel(iclight=False, **unit)
    assert request.iclight is None
    assert len(request.units) == 1 and len(request.units[0].images) == 2
    assert request.units[0].params == IpAdapterParams(model="ip", weight=0.5, combine="average", image_weights=(1.0, 0.5))
    assert request.units[0].negative_image is not None


def test_panel_takes_no_other_files_of_the_server(tmp_path, monkeypatch):
    monkeypatch.setenv("GRADIO_TEMP_DIR", str(tmp_path / "uploads"))
    PHOTO.save(tmp_path / "private.png")
    (tmp_path / "uploads").mkdir()
    (tmp_path / "uploads" / "link.png").symlink_to(tmp_path / "private.png")
    for path in (tmp_path / "private.png", tmp_path / "absent.png", tmp_path / "uploads" / ".." / "private.png",
                 tmp_path / "uploads" / "link.png", "bad\0name"):
        with pytest.raises(RelightError, match="`image` names a file that was not uploaded in the page; upload it there, or send "
                                               "it as base64."):
            panel(iclight=False, unit1_enabled=True, unit1_model="ip", unit1_more=[str(path)])


@pytest.mark.parametrize("args, sentence", [
    ([None], "`args` of Relight begins with None; send one object, such as {\"args\": [{\"iclight\": {\"light\": \"left\"}}]}."),
    ([0], "`args` of Relight begins with 0; send one object"),
    ([[]], "`args` of Relight begins with []; send one object"),
    (["{", "\"", "i"], "`args` of Relight begins with '{'; send one object"),
    ([{"iclight": {}}, {"ip_adapter": {}}], "`args` of Relight holds 2 objects; send one object"),
])
def test_args_of_another_form(args, sentence):
    with pytest.raises(RelightError) as caught:
        parse_request(args)
    assert str(caught.value).startswith(sentence)


def test_panel_unit_with_a_list_that_is_invalid():
    with pytest.raises(RelightError, match="`image_weights` is '1; 2'; it must be numbers such as 1, 0.5, or empty."):
        panel(iclight=False, unit1_enabled=True, unit1_model="ip", unit1_image=PHOTO, unit1_image_weights="1; 2")


def test_panel_unit_with_the_subject():
    unit = panel(foreground=PHOTO, unit1_enabled=True, unit1_model="ip", unit1_use_subject=True).units[0]
    assert unit.images == ("subject",) and unit.uses_subject


def test_nothing_chosen_in_the_panel():
    with pytest.raises(RelightError, match="Relight is on, but neither IC-Light nor an IP-Adapter unit is enabled"):
        panel(iclight=False)


def test_off():
    assert parse_request([False]) is None
    assert parse_request([]) is None
    assert panel(enabled=False) is None
    assert api(enabled=False) is None
    assert parse_request([{"iclight": {"enabled": False}}]) is None


def test_panel_keeps_a_light_map_that_is_not_used():
    assert panel(foreground=PHOTO, light="left", light_map=PHOTO, mask=PHOTO).images.light_map is None
    assert panel(foreground=PHOTO, light="custom", light_map=PHOTO).images.light_map is not None


def test_img2img_needs_no_foreground():
    assert parse_request([{"iclight": {"light": "left"}}]).images.foreground is None


def unit(**fields):
    return parse_request([{"ip_adapter": {"model": "ip", **fields}}]).units[0]


def test_hidden_colors_of_image_prompts_become_the_encoders_mean():
    cutout = Image.new("RGBA", (32, 32), (255, 0, 255, 0))
    cutout.paste((10, 20, 30, 255), (0, 0, 16, 32))
    image = unit(image=cutout).images[0]
    assert image.alpha is None and image.rgb[0, 0].tolist() == [10, 20, 30] and image.rgb[0, 31].tolist() == [123, 117, 104]
    images = parse_request([{"iclight": {"background": cutout, "light_map": cutout, "foreground": cutout}}]).images
    assert images.background.rgb[0, 31].tolist() == images.light_map.rgb[0, 31].tolist() == [127, 127, 127]
    assert images.foreground.alpha[0, 31] == 0


STROKES = Image.new("L", PHOTO.size)
STROKES.paste(255, (4, 4, 20, 28))


def layer(color):
    painted = Image.new("RGBA", PHOTO.size, color)
    painted.putalpha(STROKES)
    return painted


@pytest.mark.parametrize("value", [
    {"image": PHOTO, "mask": STROKES.convert("RGB")},
    {"image": PHOTO.convert("RGBA"), "mask": layer("white")},
    {"image": np.asarray(PHOTO.convert("RGBA")), "mask": np.asarray(layer("black"))},
], ids=["gradio 3's sketch", "sketch layers", "Forge's canvas"])
def test_canvases_of_the_hosts_give_the_image_and_its_strokes(value):
    made = unit(image=value)
    np.testing.assert_array_equal(made.images[0].rgb, np.asarray(PHOTO.convert("RGB")))
    np.testing.assert_array_equal(made.masks[0].mask_levels() * 255, np.asarray(STROKES))


def test_masks_inside_of_images():
    """As sd-webui-controlnet's clients send them; a black mask stands for none."""
    black = Image.new("L", (32, 32))
    assert unit(image={"image": PHOTO, "mask": None}).masks == unit(image={"image": PHOTO, "mask": black}).masks == ()
    assert unit(image={"image": PHOTO, "mask": PHOTO.convert("L")}).masks[0].size == (32, 32)
    masks = unit(image=[{"image": PHOTO, "mask": PHOTO}, PHOTO, {"image": PHOTO, "mask": black}], combine="separate").masks
    assert [int(mask.rgb.max()) for mask in masks] == [255, 255, 0]
    assert parse_request([{"iclight": {"foreground": {"image": PHOTO, "mask": black}}}]).images.foreground is not None


def test_embeddings():
    assert unit(embedding=[0.5] * 512).embedding == ((0.5,) * 512,)
    assert unit(embedding=[[1] * 512, [2] * 512]).embedding == ((1.0,) * 512, (2.0,) * 512)
    assert unit(image=PHOTO, embedding=[]).embedding is unit(image=PHOTO, embedding=None).embedding is None


@pytest.mark.parametrize("payload, sentence", [
    ({"iclight": {}, "iclihgt": 1}, "`Relight` has no field `iclihgt`; did you mean `iclight`?"),
    ({"iclight": {"lihgt": "left"}}, "`iclight` has no field `lihgt`; did you mean `light`?"),
    ({"iclight": []}, "`iclight` is list; it must be an object such as"),
    ({}, "`Relight` names nothing to do; add `iclight`"),
    ({"iclight": {}, "enabled": "no"}, "`enabled` of `Relight` is 'no'; it must be true or false."),
    ({"iclight": {"foreground": PHOTO, "light": "sideways"}}, "`light` is 'sideways'; choose one of none, left"),
    ({"iclight": {"foreground": PHOTO, "reinforce": 2}}, "`reinforce` is 2; it must be a number from 0 to 1."),
    ({"iclight": {"background": CLEAR}}, "`background` is transparent everywhere; send an image that shows something."),
    ({"iclight": {"light_map": CLEAR}}, "`light_map` is transparent everywhere"),
    ({"iclight": {"foreground": {"image": PHOTO, "mask": PHOTO}}},
     "`foreground` holds a mask beside its image; send the mask as a field of its own, `mask`."),
    ({"ip_adapter": [{"model": "ip", "image": CLEAR}]}, "`image` is transparent everywhere"),
    ({"ip_adapter": [{"model": "ip", "image": PHOTO, "negative_image": CLEAR}]}, "`negative_image` is transparent everywhere"),
    ({"ip_adapter": [{"model": "ip", "image": PHOTO, "negative_image": [PHOTO, PHOTO]}]},
     "`negative_image` of the `ip_adapter` unit 'ip' is a list of 2; give one."),
    ({"ip_adapter": [{"model": "ip", "image": {"image": PHOTO, "mask": PHOTO}, "mask": PHOTO}]},
     "`image` of an `ip_adapter` unit holds a mask, and `mask` is given too; send one of them."),
    ({"ip_adapter": False}, "`ip_adapter` is False; it must be a list of objects"),
    ({"iclight": {}, "ip_adapter": 0}, "`ip_adapter` is 0; it must be a list of objects"),
    ({"iclight": {}, "ip_adapter": "subject"}, "`ip_adapter` is 'subject'; it must be a list of objects"),
    ({"ip_adapter": [{"model": "ip", "embedding": {"a": 1}}]}, "`embedding` of an `ip_adapter` unit is {'a': 1}; give the 512 "),
    ({"ip_adapter": [{"model": "ip", "embedding": [1.0] * 511}]}, "give the 512 finite numbers of ArcFace, not all of them 0"),
    ({"ip_adapter": [{"model": "ip", "embedding": [float("nan")] * 512}]}, "give the 512 finite numbers"),
    ({"ip_adapter": [{"model": "ip", "embedding": [0] * 512}]}, "give the 512 finite numbers"),
    ({"ip_adapter": [{"model": "ip", "embedding": [10 ** 400] * 512}]}, "give the 512 finite numbers"),
    ({"ip_adapter": [{"model": "ip", "embedding": [[1.0] * 512] * 65}]}, "for each of at most 64 faces."),
    ({"ip_adapter": 3}, "`ip_adapter` is 3; it must be a list of objects with `model` and `image`."),
    ({"ip_adapter": [{"model": "", "image": PHOTO}]}, "`model` is ''; it must be a text."),
    ({"ip_adapter": [{"model": "ip"}]}, "`image` of the `ip_adapter` unit 'ip' is missing; add an image, or \"subject\"."),
    ({"ip_adapter": [{"model": "ip", "image": PHOTO, "mask": ["subject", PHOTO]}]},
     "`mask` of the `ip_adapter` unit 'ip' mixes \"subject\" with masks"),
    ({"ip_adapter": [{"model": "ip", "image": PHOTO}] * 5}, "`ip_adapter` has 5 units; at most 4 work together."),
    ({"ip_adapter": [{"model": "ip", "image": PHOTO, "weigth": 1}]}, "`ip_adapter` has no field `weigth`; did you mean `weight`?"),
    ({"iclight": {"foreground": PHOTO, "reinforce": "much"}}, "`reinforce` is 'much'; it must be a number from 0 to 1."),
], ids=lambda value: str(value)[:30])
def test_mistakes(payload, sentence):
    with pytest.raises((RelightError, IcLightError, IpAdapterError), match=sentence):
        parse_request([payload])
