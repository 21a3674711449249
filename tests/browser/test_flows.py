"""One-click flows in a real browser: they set the host's own controls, and Undo puts back exactly what was there."""

import pytest
import requests
from PIL import Image

pytestmark = [pytest.mark.any_page, pytest.mark.once_per_gradio]
HOST = ("prompt", "neg_prompt", "steps", "sampling", "scheduler", "cfg_scale", "width", "height", "denoising_strength", "hr_scale")


@pytest.fixture(scope="module")
def wide(tmp_path_factory):
    """An opaque image, 900x600."""
    path = tmp_path_factory.mktemp("images") / "wide.png"
    Image.new("RGB", (900, 600), (180, 90, 60)).save(path)
    return path


def host_values(panel, names=HOST):
    return {name: panel.value(f"{panel.tab}_{name}") for name in names if panel.find_all(f"#{panel.tab}_{name}")}


RECOMMENDED = {"steps": "25", "cfg_scale": "2", "sampling": "DPM++ 2M SDE", "scheduler": "Karras",
               "prompt": "a cup, (red:1.2), best quality", "neg_prompt": "lowres, bad anatomy, bad hands, cropped, worst quality"}


@pytest.mark.parametrize("tab, strength", [("txt2img", None), ("img2img", "0.95")])
def test_the_recommended_settings_are_applied_and_undone(panel, accordion, wide, tab, strength):
    accordion.open(tab)
    panel.fill(f"{tab}_prompt", "a cup, (red:1.2)")
    panel.fill(f"{tab}_steps", 13)
    before = host_values(panel)
    assert before["steps"] == "13" and not panel.find(accordion.css("undo")).is_enabled()
    panel.click(accordion.css("recommended"))
    panel.until(lambda: "original fc demo" in accordion.message, "the note")
    after = host_values(panel)
    expected = {**RECOMMENDED, "denoising_strength": strength or before["denoising_strength"]}
    assert {name: after[name] for name in expected} == expected
    assert (after["width"], after["height"]) == (before["width"], before["height"])
    assert panel.value(accordion("model")) == "fc"
    if tab == "txt2img":
        assert not panel.checked("txt2img_hr-visible-checkbox"), "hires is never switched on unasked"
    panel.upload(accordion("background"), wide)
    panel.until_painted()
    panel.click(accordion.css("recommended"))
    panel.until(lambda: panel.value(accordion("model")) == "fbc", "the model for a background")
    panel.click(accordion.css("undo"))
    panel.until(lambda: accordion.message.startswith("Restored: steps, cfg, "), "the first undo")
    assert {name: host_values(panel)[name] for name in expected} == expected
    panel.click(accordion.css("undo"))
    panel.until(lambda: "Restored: New background." in accordion.message, "the second undo")
    assert {name: host_values(panel)[name] for name in expected} == expected and panel.value(accordion("model")) == "fc"
    panel.click(accordion.css("undo"))
    panel.until(lambda: host_values(panel) == before, "what was there before")
    assert panel.value(accordion("model")) == "auto"
    panel.until(lambda: not panel.find(accordion.css("undo")).is_enabled(), "nothing more to undo")
    assert panel.console_errors() == []


def test_the_size_comes_from_the_subject(panel, accordion, wide):
    accordion.open()
    panel.click(accordion.css("size_from_subject"))
    panel.until(lambda: "There is no subject yet; add an image to the field Subject" in accordion.message, "the sentence")
    panel.fill("txt2img_width", 640)
    panel.upload(accordion("foreground"), wide)
    accordion.until_message("Set for relighting")
    panel.click(accordion.css("size_from_subject"))
    panel.until(lambda: "Size 896x576 for a subject of 900x600." in accordion.message, "the note")
    assert host_values(panel, ("width", "height")) == {"width": "896", "height": "576"}


def test_relight_this_opens_the_panel_and_sets_the_strength(panel, accordion, wide):
    panel.select_tab("img2img")
    panel.upload("img2img_image", wide)
    assert not accordion.is_enabled
    panel.click("#img2img_relight_this")
    accordion.until_enabled()
    panel.until(lambda: panel.value("img2img_denoising_strength") == "0.95", "the strength")
    panel.until(lambda: panel.value("img2img_width") == "896", "the img2img image's size")


@pytest.mark.parametrize("in_viewer", [False, True])
@pytest.mark.parametrize("target", ["txt2img", "img2img"])
def test_a_result_becomes_the_subject(panel, accordion, target, in_viewer):
    for name, value in {"steps": 1, "width": 128, "height": 64, "seed": 7, "prompt": "a vase"}.items():
        panel.fill(f"txt2img_{name}", value)
    panel.generate()
    if in_viewer:
        open_viewer(panel)
        symbol = panel.find_all("#lightboxModal .relight-viewer")[target == "img2img"]
        assert symbol.text == panel.find(f"#txt2img_send_to_relight_{target}").text
        symbol.click()
        assert not panel.find("#lightboxModal").is_displayed()
    else:
        panel.click(f"#txt2img_send_to_relight_{target}")
    panel.until_tab(target)
    accordion.until_enabled()
    field = accordion("foreground") if target == "txt2img" else "img2img_image"
    size = panel.until(lambda: panel.driver.execute_script(
        "const image = document.querySelector(arguments[0]); return image?.naturalWidth && [image.naturalWidth, image.naturalHeight]",
        f"#{field} img"), "the image")
    assert size == [128, 64]
    panel.until(lambda: (panel.value(f"{target}_width"), panel.value(f"{target}_height")) == ("128", "64"), "the size")
    for name, value in {"steps": 2, "seed": 7, "prompt": "a vase"}.items():
        panel.fill(f"{target}_{name}", value)
    panel.pick(accordion("light"), "left")
    panel.pick(accordion("matting"), "none")
    panel.generate()
    assert 'Relight: "fc, left, ' in panel.infotext
    assert panel.console_errors() == []


def open_viewer(panel):
    """An image opens it once the host has had a look at the new results."""
    def is_shown():
        if not panel.find("#lightboxModal").is_displayed():
            panel.click("#txt2img_gallery .preview > :is(button, img), #txt2img_gallery .preview .media-button")
            panel.until_painted()
        return panel.find("#lightboxModal").is_displayed()

    panel.until(is_shown, "the viewer")


def save_preset(panel, accordion, name):
    """Save a light from above as a preset; a name with a slash is then refused."""
    accordion.open()
    panel.click(f"#{accordion('presets')} .label-wrap")
    panel.pick(accordion("light"), "top")
    panel.fill(accordion("reinforce"), 0.35)
    panel.fill(accordion("preset_name"), name)
    panel.click(accordion.css("preset_save"))
    panel.until(lambda: accordion.message == f"Preset '{name}' saved.", "the note")
    panel.fill(accordion("preset_name"), "a/b")
    panel.click(accordion.css("preset_save"))
    panel.until(lambda: accordion.message.startswith("The preset's name has '/' in it"), "the refusal")


def test_a_preset_is_saved_loaded_renamed_shared_and_deleted(panel, accordion):
    save_preset(panel, accordion, "window: 晚霞")
    panel.open()
    accordion.open()
    assert panel.value(accordion("light")) == "none"
    panel.click(f"#{accordion('presets')} .label-wrap")
    panel.pick(accordion("preset"), "window: 晚霞")
    panel.click(accordion.css("preset_load"))
    panel.until(lambda: (panel.value(accordion("light")), panel.value(accordion("reinforce"))) == ("top", "0.35"), "the preset's values")
    panel.fill(accordion("preset_name"), "evening")
    panel.click(accordion.css("preset_rename"))
    panel.until(lambda: "renamed to 'evening'" in accordion.message, "the new name")
    panel.click(f"#{accordion('preset_sharing')} .label-wrap")
    panel.click(accordion.css("preset_share"))
    shared = panel.until(lambda: panel.value(accordion("preset_text")), "the shared text")
    panel.until(lambda: "relight-presets" in panel.find(accordion.css("preset_file")).text, "the file")
    panel.click(accordion.css("preset_delete"))
    panel.until(lambda: accordion.message == "Preset 'evening' deleted.", "the note")
    panel.click(accordion.css("undo"))
    panel.until(lambda: accordion.message == "Preset 'evening' restored.", "the preset")
    panel.click(accordion.css("undo"))
    panel.until(lambda: panel.value(accordion("light")) == "none", "the load undone")
    panel.fill(accordion("preset_text"), shared)
    panel.click(accordion.css("preset_import"))
    panel.until(lambda: accordion.message == "Imported: evening.", "the import")
    panel.click(accordion.css("preset_delete"))
    panel.until(lambda: accordion.message == "Preset 'evening' deleted.", "the note")
    assert panel.console_errors() == []


def test_a_preset_saved_since_the_page_was_loaded_is_listed_at_once(panel, accordion):
    address = f"{panel.url}/relight/v1/presets/saved meanwhile"
    requests.put(address, json={"light": "top"}, timeout=60).raise_for_status()
    accordion.open()
    panel.click(f"#{accordion('presets')} .label-wrap")
    panel.click(f"#{accordion('preset')} input")
    panel.until(lambda: "saved meanwhile" in panel.find(accordion.css("preset")).text, "the preset in the list")
    requests.delete(address, timeout=60).raise_for_status()


def choose_words(panel, accordion, section, words):
    """Click an entry of a quick prompt list."""
    panel.choose(accordion("words_" + section), words)


def test_quick_prompts_are_added_once(panel, accordion):
    accordion.open()
    panel.fill("txt2img_prompt", "a cup")
    panel.click(f"#{accordion('prompts')} .label-wrap")
    choose_words(panel, accordion, "light", "sunlight through blinds")
    wanted = "a cup, sunlight through blinds, striped shadow"
    panel.until(lambda: panel.value("txt2img_prompt") == wanted, "the words")
    choose_words(panel, accordion, "light", "sunlight through blinds")
    panel.until(lambda: "The prompt already contains" in accordion.message, "the note")
    assert panel.value("txt2img_prompt") == wanted
    panel.click(accordion.css("undo"))
    panel.until(lambda: panel.value("txt2img_prompt") == "a cup", "the words gone")


@pytest.mark.parametrize("tab", ["txt2img", "img2img"])
def test_an_example_fills_the_panel_and_can_be_generated(panel, accordion, tab):
    accordion.open(tab)
    panel.fill(accordion("reinforce"), 0.35)
    panel.click(f"#{accordion('prompts')} .label-wrap")
    spot = panel.until(lambda: panel.find_all(f"#{accordion('examples')} .relight-examples button"), "the examples")[2]
    panel.driver.execute_script("arguments[0].scrollIntoView({block: 'center'})", spot)
    panel.until(spot.is_displayed, "the example")
    spot.click()
    panel.until(lambda: panel.value(accordion("light")) == "spot", "the light")
    panel.until(lambda: panel.value(f"{tab}_seed") == "12345", "the seed")
    assert (panel.value(accordion("reinforce")), panel.value(accordion("matting"))) == ("0", "mask")
    assert "a spot light on a dark stage" in panel.value(f"{tab}_prompt")
    field = accordion("foreground") if tab == "txt2img" else "img2img_image"
    panel.until(lambda: panel.find_all(f"#{field} img") and panel.find_all(f"#{accordion('mask')} img"), "the images")
    for name, value in {"steps": 2, "width": 64, "height": 64}.items():
        panel.fill(f"{tab}_{name}", value)
    panel.generate()
    assert 'Relight: "fc, spot' in panel.infotext
    assert panel.console_errors() == []


@pytest.mark.parametrize("tab", ["txt2img", "img2img"])
def test_undo_brings_back_the_images_that_an_example_replaced(panel, accordion, wide, tab):
    accordion.open(tab)
    field = accordion("foreground") if tab == "txt2img" else "img2img_image"
    panel.upload(field, wide)
    accordion.until_message("Set for relighting")
    panel.click(f"#{accordion('prompts')} .label-wrap")
    panel.click(f"#{accordion('examples')} .relight-examples button:first-child")
    accordion.until_message("Example: From the left. Undo restores settings and images.")
    panel.until(lambda: image_size(panel, field) == [512, 512] and panel.find_all(f"#{accordion('mask')} img"), "the example's images")
    panel.click(accordion.css("undo"))
    panel.until(lambda: image_size(panel, field) == [900, 600] and not panel.find_all(f"#{accordion('mask')} img"), "the images before")
    panel.until(lambda: panel.value(accordion("light")) == "none", "the settings before")
    assert accordion.message.endswith("images.") and panel.console_errors() == []


def image_size(panel, field):
    return panel.driver.execute_script(
        "const image = document.querySelector(arguments[0]); return image?.naturalWidth && [image.naturalWidth, image.naturalHeight]",
        f"#{field} img")
