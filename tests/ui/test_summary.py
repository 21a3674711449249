"""The status line's summary of the next job."""

from sd_relight.lib_relight.ui.summary import summary


def test_a_disabled_unit_with_an_image_is_named():
    values = {"iclight": True, "light": "left", "unit1_enabled": True, "unit1_weight_type": "linear", "unit2_enabled": False}
    assert summary(values, {"unit1_image", "unit2_image"}) == [
        "1 light from the left", "1 image prompt (linear)", "Image 2 is not enabled"]


def test_a_named_setup_counts_its_lights():
    assert summary({"iclight": True, "light": "rembrandt", "lights": '[{"light": "top"}]', "set": "even"}, ()) == [
        "3 lights", "4 images and their even light"]
    assert summary({"iclight": True, "light": "split"}, ()) == ["1 light from 180 degrees"]
