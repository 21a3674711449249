"""One-click settings: the original demos' values, output sizes, added words."""

import random

import pytest
from sd_relight.lib_relight.ui import one_click_values


@pytest.mark.parametrize("size, expected", [
    ((512, 640), (512, 640)), ((1000, 1000), (1024, 1024)), ((300, 200), (768, 512)), ((4000, 3000), (1152, 896)),
    ((3000, 4000), (896, 1152)), ((4000, 400), (1536, 512)), ((100, 1000), (512, 1536)), ((1024, 1024), (1024, 1024)),
])
def test_sizes(size, expected):
    assert one_click_values.fit_size(*size) == expected


def test_every_size_is_in_steps_of_64_within_the_limits_and_nearly_of_the_aspect():
    dice = random.Random(5)
    for _ in range(3000):
        width, height = dice.randint(16, 9000), dice.randint(16, 9000)
        found = one_click_values.fit_size(width, height)
        assert all(side % 64 == 0 and 512 <= side <= 1536 for side in found), (width, height, found)
        assert found[0] * found[1] <= one_click_values.LARGEST_AREA
        if 0.5 <= width / height <= 2:
            assert abs((found[0] / found[1]) / (width / height) - 1) < 0.14, (width, height, found)


def test_the_originals_numbers():
    names = ["Euler", "DPM++ 2M SDE"]
    fc = one_click_values.original_settings("fc", "img2img", {"host_prompt": "a cup", "host_negative": "blur"}, names)
    assert (fc["host_steps"], fc["host_cfg"], fc["host_denoise"]) == (25, 2.0, 0.95)
    assert (fc["host_sampler"], fc["host_scheduler"], fc["model"]) == ("DPM++ 2M SDE", "Karras", "fc")
    assert fc["host_prompt"] == "a cup, best quality"
    assert fc["host_negative"] == "blur, lowres, bad anatomy, bad hands, cropped, worst quality"
    fbc = one_click_values.original_settings("fbc", "txt2img", {"host_hires": True}, names)
    assert (fbc["host_steps"], fbc["host_cfg"], fbc["host_denoise"], fbc["model"]) == (20, 7.0, 0.5, "fbc")
    assert one_click_values.original_settings("fbc", "img2img", {}, names)["host_denoise"] == 1.0


def test_hires_is_never_switched_on():
    off = one_click_values.original_settings("fc", "txt2img", {"host_hires": False}, [])
    assert not {"host_hires", "host_hires_scale", "host_denoise"} & off.keys()
    on = one_click_values.original_settings("fc", "txt2img", {"host_hires": True}, [])
    assert "host_hires" not in on
    assert (on["host_denoise"], on["host_hires_cfg"], on["host_hires_scale"]) == (0.5, 2.0, 1.5)


def test_setting_up_for_a_subject():
    current = {"host_width": 512, "host_height": 512, "host_steps": 20, "host_cfg": 7.0, "host_denoise": 0.75}
    values = one_click_values.set_up("fc", "img2img", current, (512, 640))
    changes = one_click_values.without_unchanged(values, current)
    assert changes == {"host_height": 640, "host_steps": 25, "host_cfg": 2.0, "host_denoise": 0.95}
    assert one_click_values.set_up_words(changes, current) == "512×640, CFG 2, 25 steps, denoising 0.95"
    in_txt2img = one_click_values.set_up("fbc", "txt2img", {**current, "host_steps": 20})
    assert one_click_values.without_unchanged(in_txt2img, {**current, "host_steps": 20}) == {}
    assert one_click_values.set_up_words({}, current) == ""


@pytest.mark.parametrize("names, expected", [
    (["Euler", "DPM++ 2M SDE Karras", "DPM++ 2M SDE"], {"host_sampler": "DPM++ 2M SDE Karras"}),
    (["DPM++ 2M SDE"], {"host_sampler": "DPM++ 2M SDE", "host_scheduler": "Karras"}), (["Euler"], {}),
])
def test_the_sampler_as_each_host_writes_it(names, expected):
    assert one_click_values.sampler_settings(names) == expected


def test_relighting_raises_a_weak_strength_and_leaves_a_strong_one():
    assert one_click_values.relight_settings({"host_denoise": 0.5}) == {"iclight": True, "host_denoise": 0.95}
    assert one_click_values.relight_settings({"host_denoise": 0.95}) == {"iclight": True}


@pytest.mark.parametrize("prompt, addition, expected", [
    (None, "soft light", "soft light"), ("a cup", "soft light", "a cup, soft light"), ("a cup, ", "x", "a cup, x"),
    ("a cup, Soft  light", "soft light", "a cup, Soft  light, soft light"), ("a cup, Soft light", "soft light", "a cup, Soft light"),
    ("neon, city", "neon, city", "neon, city"), ("a, neon, city, b", "neon, city", "a, neon, city, b"),
    ("city, neon", "neon, city", "city, neon, neon, city"), ("softlight", "light", "softlight, light"), ("a", " ", "a"),
    ("a\nsoft light", "soft light", "a\nsoft light"),
])
def test_words_are_added_once(prompt, addition, expected):
    assert one_click_values.add_words(prompt, addition) == expected
    assert one_click_values.add_words(expected, addition) == expected


def test_only_what_differs_is_changed():
    current = {"host_steps": 20, "host_cfg": 7.0, "light": "none"}
    assert one_click_values.without_unchanged({"host_steps": 25, "host_cfg": 7.0, "host_hires": True}, current) == {"host_steps": 25}
