"""Previews and messages in the page: a preview's images, its message when it fails, its cancellation; errors and warnings
about the next job."""

import numpy as np
import pytest
from browser.pages.images import draw_subject
from PIL import Image
from sd_relight.lib_relight.packages import optional

pytestmark = pytest.mark.once_per_gradio
JOB = {"width": 96, "height": 64, "steps": 2}


@pytest.fixture(scope="module")
def wide_subject(tmp_path_factory):
    """An image with transparency, 96x64."""
    return draw_subject(tmp_path_factory.mktemp("images") / "subject.png", (96, 64))


@pytest.fixture(scope="module")
def noise(wide_subject):
    """An opaque image in which every pixel is different, 64x64."""
    path = wide_subject.with_name("noise.jpg")
    Image.fromarray(np.random.default_rng(0).integers(0, 255, (64, 64, 3), np.uint8)).save(path)
    return path


@pytest.mark.parametrize("tab", ["txt2img", "img2img"])
def test_the_subject_is_previewed_at_the_jobs_size(panel, accordion, wide_subject, tab):
    accordion.open(tab, **JOB)
    if tab == "img2img":
        panel.upload("img2img_image", wide_subject)
    else:
        panel.upload(accordion("foreground"), wide_subject)
    panel.pick(accordion("light"), "top")
    assert accordion.preview("preview_matte") == ["Matte 96×64", "Subject cut out 96×64"]
    assert accordion.preview("preview_foreground") == ["What the model sees 96×64"]
    assert accordion.preview("preview_light") == ["Light map 96×64"]
    shown = panel.find(f"#{accordion('preview_shown')} img")
    assert panel.driver.execute_script("return [arguments[0].naturalWidth, arguments[0].naturalHeight]", shown) == [96, 64]
    faded = f"#{accordion('preview_shown')} .relight-stale"
    assert not panel.find_all(faded)
    panel.fill(accordion("reinforce"), 0.5)
    assert panel.find_all(faded), "what is shown is of other settings"
    assert accordion.preview("preview_foreground") == ["What the model sees 96×64"] and not panel.find_all(faded)
    assert panel.console_errors() == []


@pytest.mark.parametrize(("tab", "sentence"), [
    ("txt2img", "“Subject” is missing: txt2img needs the subject's image; add one, or use img2img."),
    ("img2img", "img2img has no image; add the subject as the img2img image or as “Subject”."),
])
def test_without_a_subject_both_the_notice_and_the_preview_say_so(panel, accordion, wide_subject, tab, sentence):
    accordion.open(tab, **JOB)
    accordion.notices([sentence])
    assert accordion.preview("preview_matte") == [sentence]
    panel.upload("img2img_image" if tab == "img2img" else accordion("foreground"), wide_subject)
    accordion.notices([])
    panel.click(f"#{accordion('enabled')}-visible-checkbox")
    assert panel.console_errors() == []


def test_notices_follow_the_panel_and_the_hosts_own_controls(panel, accordion, wide_subject):
    accordion.open("img2img", **JOB, denoising_strength=0.9)
    panel.upload("img2img_image", wide_subject)
    panel.pick(accordion("light"), "custom")
    accordion.notices(["“Light” is 'custom' but “Light map” is missing; add the map or choose another light."])
    panel.driver.execute_script("document.activeElement.blur()")
    panel.pick(accordion("light"), "left")
    accordion.notices([])
    panel.fill("img2img_denoising_strength", 0.4)
    accordion.notices(["Relight: denoising strength 0.4 is low for a light: the light map itself shows in the image; set 0.9 to 1."])
    panel.click(f"#{accordion('enabled')}-visible-checkbox")
    accordion.notices([])


def test_what_the_encoder_sees(panel, accordion, noise):
    accordion.open(**JOB)
    accordion.select_tab(2)
    sentence = "“Image” of the “IP-Adapter” unit 'auto' is missing; add an image, or \"subject\"."
    assert accordion.preview("unit2_preview_crop", "unit2_preview_shown") == [sentence]
    panel.upload(accordion("unit2_image"), noise)
    assert accordion.preview("unit2_preview_crop", "unit2_preview_shown") == ["Image 1 224×224"]


@pytest.mark.skipif(bool(optional.missing("matting")), reason="rembg and onnxruntime are not installed")
def test_a_long_preview_is_cancelled(panel, accordion, noise):
    accordion.open(**JOB)
    panel.upload(accordion("foreground"), noise)
    panel.pick(accordion("matting"), "minutes")
    accordion.press("preview_matte")
    accordion.press("preview_cancel")
    assert panel.until(lambda: accordion.texts("preview_shown", "p"), "the end of the preview") == ["The preview was cancelled."]
    assert panel.console_errors() == []
