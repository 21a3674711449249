"""A mask belongs to the image that it came with, and goes when that image is replaced."""

import pytest
from PIL import Image

pytestmark = [pytest.mark.any_page, pytest.mark.once_per_gradio]


@pytest.fixture(scope="module")
def images(tmp_path_factory):
    """Two photographs and two masks, 96x64."""
    folder = tmp_path_factory.mktemp("images")
    colors = {"red": (200, 30, 30), "blue": (30, 30, 200), "mask": (255, 255, 255), "other mask": (250, 250, 250)}
    for name, color in colors.items():
        Image.new("RGB", (96, 64), color).save(folder / f"{name}.png")
    return {name: folder / f"{name}.png" for name in colors}


def replace(panel, field, path):
    """Clear an image field and give it another file; img2img's field of a WebUI takes it in place of the first."""
    clear = f"#{field} button[aria-label='Remove Image'], #{field} button[aria-label='Clear']"
    if panel.find_all(clear):
        panel.click(clear)
        panel.until(lambda: not has_image(panel, field), "the empty field")
    panel.upload(field, path)


def give_mask(panel, accordion, path):
    panel.pick(accordion("matting"), "mask")
    panel.until(lambda: panel.find(accordion.css("mask")).is_displayed(), "the mask's field")
    panel.until_painted()
    panel.upload(accordion("mask"), path)


def has_image(panel, field):
    return bool(panel.find_all(f"#{field} img"))


@pytest.mark.parametrize("tab", ["txt2img", "img2img"])
def test_an_examples_mask_goes_with_its_subject(panel, accordion, images, tab):
    accordion.open(tab)
    panel.click(f"#{accordion('prompts')} .label-wrap")
    panel.click(f"#{accordion('examples')} .relight-examples button:first-child")
    subject = accordion("foreground") if tab == "txt2img" else "img2img_image"
    panel.until(lambda: has_image(panel, subject) and has_image(panel, accordion("mask")), "the example's images")
    panel.until(lambda: panel.value(accordion("matting")) == "mask", "the example's fields")
    replace(panel, subject, images["blue"])
    panel.until(lambda: not has_image(panel, accordion("mask")), "the removed mask")
    panel.until(lambda: panel.value(accordion("matting")) == "auto", "Cut-out")
    accordion.until_message("The mask belonged to the image before and was removed.")
    assert has_image(panel, subject)
    assert panel.console_errors() == []


def test_a_mask_given_before_or_after_its_subject_stays(panel, accordion, images):
    accordion.open()
    give_mask(panel, accordion, images["mask"])
    panel.upload(accordion("foreground"), images["red"])
    panel.until_painted()
    assert has_image(panel, accordion("mask")) and panel.value(accordion("matting")) == "mask"
    replace(panel, accordion("foreground"), images["blue"])
    panel.until(lambda: not has_image(panel, accordion("mask")), "the removed mask")
    panel.until(lambda: panel.value(accordion("matting")) == "auto", "Cut-out")
    panel.until(lambda: not panel.find(accordion.css("mask")).is_displayed(), "the hidden field")
    give_mask(panel, accordion, images["other mask"])
    panel.until_painted()
    assert has_image(panel, accordion("mask")) and panel.value(accordion("matting")) == "mask"


def test_an_encoder_mask_goes_with_its_image(panel, accordion, images):
    accordion.open()
    accordion.select_tab(1)
    panel.click(f"#{accordion('unit1_rest')} .label-wrap")
    panel.upload(accordion("unit1_image"), images["red"])
    panel.upload(accordion("unit1_image_mask"), images["mask"])
    replace(panel, accordion("unit1_image"), images["blue"])
    panel.until(lambda: not has_image(panel, accordion("unit1_image_mask")), "the removed mask")


def test_a_normal_map_goes_with_its_subject(panel, accordion, images):
    accordion.open()
    panel.upload(accordion("foreground"), images["red"])
    panel.upload(accordion("normal_map"), images["mask"])
    panel.until_painted()
    replace(panel, accordion("foreground"), images["blue"])
    panel.until(lambda: not has_image(panel, accordion("normal_map")), "the removed normal map")
    accordion.until_message("The normal map belonged to the image before and was removed.")


def test_what_was_removed_is_still_said_behind_the_settings_for_the_new_image(panel, accordion, images, tmp_path):
    Image.new("RGB", (64, 128), (30, 30, 200)).save(tmp_path / "tall.png")
    accordion.open()
    panel.upload(accordion("foreground"), images["red"])
    accordion.until_message("Set for relighting: ")
    panel.upload(accordion("normal_map"), images["mask"])
    give_mask(panel, accordion, images["mask"])
    panel.until_painted()
    replace(panel, accordion("foreground"), tmp_path / "tall.png")
    for kind in ("mask", "normal map"):
        accordion.until_message(f"The {kind} belonged to the image before and was removed.")
    accordion.until_message("Set for relighting: 512×1024.")
    assert accordion.message.count("was removed.") == 2
    assert panel.console_errors() == []


def test_an_image_that_is_only_encoded_anew_keeps_its_mask(panel, accordion):
    """As Forge's canvas does with an image from the server."""
    accordion.open()
    removes = "return Array.isArray(relight.masks.check('txt2img test', ['mask', {url: arguments[0]}], [], 'maskRemoved'))"
    assert [panel.driver.execute_script(removes, url) for url in ("one", "encoded anew")] == [False, False]
    accordion.select_tab(1)
    assert not panel.driver.execute_script(removes, "encoded anew")
    assert panel.driver.execute_script(removes, "another")
