"""The status line's summary of the next job."""

import pytest
from sd_relight.lib_iclight.light_kinds import KINDS
from sd_relight.lib_relight.ui.summary import summary


def test_a_disabled_unit_with_an_image_is_named():
    values = {"iclight": True, "light": "left", "unit1_enabled": True, "unit1_weight_type": "linear", "unit2_enabled": False}
    assert summary(values, {"unit1_image", "unit2_image"}) == [
        "1 light from the left", "1 image prompt (linear)", "Image 2 is not enabled"]


@pytest.mark.parametrize(("light", "words"), [
    ("none", "Light from the prompt"), ("top", "1 light from above"), ("bottom-right", "1 light from the bottom right corner"),
    ("ambient", "1 ambient light"), ("angle", "1 light from 30 degrees"), ("spot", "1 spot light"), ("custom", "Light by your own map")])
def test_a_light_is_named_by_its_kind(light, words):
    assert summary({"iclight": True, "light": light, "light_angle": 30.0}, ()) == [words]


def test_every_kind_of_light_has_words():
    assert [name for name in KINDS if not summary({"iclight": True, "light": name}, ())[0]] == []


def test_a_named_setup_counts_its_lights():
    assert summary({"iclight": True, "light": "rembrandt", "lights": '[{"light": "top"}]', "set": "even"}, ()) == [
        "3 lights", "4 images and their even light"]
    assert summary({"iclight": True, "light": "split"}, ()) == ["1 light from 180 degrees"]
