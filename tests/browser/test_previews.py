"""Previews and notices in the real page: a preview made and cancelled, its sentence when it cannot be, and what is said of
the next job."""

import numpy as np
import pytest
from api.serving import matting_host
from browser.pages.images import draw_subject
from matting import tiny_onnx
from PIL import Image
from sd_relight.lib_relight.packages import optional

PANEL = "script_{}_relight_{}"
MARK_OLD = "for (const part of document.querySelectorAll(`#${arguments[0]} :is(figcaption, p)`)) part.dataset.old = 1"
NEW_TEXTS = """return [...document.querySelectorAll(`#${arguments[0]} :is(${arguments[1]})`)]
    .filter((part) => !part.dataset.old).map((part) => part.innerText)"""


@pytest.fixture(scope="module")
def host(tmp_path_factory):
    """A host with a matting model that takes minutes."""
    with matting_host(tmp_path_factory.mktemp("previews"), {"minutes": tiny_onnx.slow(320, 5000)}) as process:
        yield process


@pytest.fixture(scope="module")
def subject(tmp_path_factory):
    return draw_subject(tmp_path_factory.mktemp("pictures") / "subject.png", (96, 64))


@pytest.fixture(scope="module")
def photo(subject):
    path = subject.with_name("photo.jpg")
    Image.fromarray(np.random.default_rng(0).integers(0, 255, (64, 64, 3), np.uint8)).save(path)
    return path


class Accordion:
    """Relight's accordion of one tab, open."""

    def __init__(self, panel, tab="txt2img", **job):
        self.panel = panel
        if tab != panel.tab:
            panel.select_tab(tab)
        for name, value in {"width": 96, "height": 64, "steps": 2, **job}.items():
            panel.fill(f"{tab}_{name}", value)
        panel.open_accordion(self.id("enabled"))

    def id(self, name):
        return PANEL.format(self.panel.tab, name)

    def press(self, name):
        self.panel.driver.execute_script("document.activeElement.blur()")
        self.panel.click(f"#{self.id(name)}")

    def preview(self, name, where="preview_shown"):
        """Presses a preview's button; the captions of what it shows, or its sentence."""
        self.panel.driver.execute_script(MARK_OLD, self.id(where))
        self.press(name)
        return self.panel.until(lambda: self.texts(where, "figcaption, p"), f"{name}'s answer")

    def texts(self, name, css):
        return self.panel.driver.execute_script(NEW_TEXTS, self.id(name), css)

    def notices(self, wanted):
        """Waits for exactly these sentences."""
        try:
            self.panel.until(lambda: self.texts("notices", "li") == wanted)
        except AssertionError:
            assert self.texts("notices", "li") == wanted


@pytest.mark.parametrize("tab", ["txt2img", "img2img"])
def test_the_subject_is_previewed_at_the_jobs_size(panel, subject, tab):
    accordion = Accordion(panel, tab)
    if tab == "img2img":
        panel.upload("img2img_image", subject)
    else:
        panel.upload(accordion.id("foreground"), subject)
    panel.pick(accordion.id("light"), "top")
    assert accordion.preview("preview_matte") == ["Matte 96×64", "Subject cut out 96×64"]
    assert accordion.preview("preview_foreground") == ["Subject on grey 96×64"]
    assert accordion.preview("preview_light") == ["Light map 96×64"]
    shown = panel.find(f"#{accordion.id('preview_shown')} img")
    assert panel.driver.execute_script("return [arguments[0].naturalWidth, arguments[0].naturalHeight]", shown) == [96, 64]
    faded = f"#{accordion.id('preview_shown')} .relight-stale"
    assert not panel.find_all(faded)
    panel.fill(accordion.id("reinforce"), 0.5)
    assert panel.find_all(faded), "what is shown is of other settings"
    assert accordion.preview("preview_foreground") == ["Subject on grey 96×64"] and not panel.find_all(faded)
    assert panel.console_errors() == []


@pytest.mark.parametrize(("tab", "sentence"), [
    ("txt2img", "`foreground` is missing: txt2img needs the subject's image; add one, or use img2img."),
    ("img2img", "img2img has no image; add the subject as the img2img image or as `foreground`."),
])
def test_without_a_subject_both_the_notice_and_the_preview_say_so(panel, subject, tab, sentence):
    accordion = Accordion(panel, tab)
    accordion.notices([sentence])
    assert accordion.preview("preview_matte") == [sentence]
    panel.upload("img2img_image" if tab == "img2img" else accordion.id("foreground"), subject)
    accordion.notices([])
    panel.click(f"#{accordion.id('enabled')}-visible-checkbox")
    assert panel.console_errors() == []


def test_notices_follow_the_panel_and_the_hosts_own_controls(panel, subject):
    accordion = Accordion(panel, "img2img", denoising_strength=0.9)
    panel.upload("img2img_image", subject)
    panel.pick(accordion.id("light"), "custom")
    accordion.notices(["`light` is 'custom' but `light_map` is missing; add the map or choose another light."])
    panel.driver.execute_script("document.activeElement.blur()")
    panel.pick(accordion.id("light"), "left")
    accordion.notices([])
    panel.fill("img2img_denoising_strength", 0.4)
    accordion.notices(["Relight: denoising strength 0.4 is low for a light; 0.9 to 1 shows it fully."])
    panel.click(f"#{accordion.id('enabled')}-visible-checkbox")
    accordion.notices([])


def test_what_the_encoder_sees(panel, photo):
    accordion = Accordion(panel)
    panel.tab_of(accordion.id("enabled"), "Picture 2")
    sentence = "`image` of the `ip_adapter` unit 'ip-adapter' is missing; add a picture, or \"subject\"."
    assert accordion.preview("unit2_preview_crop", "unit2_preview_shown") == [sentence]
    panel.upload(accordion.id("unit2_image"), photo)
    assert accordion.preview("unit2_preview_crop", "unit2_preview_shown") == ["Picture 1 224×224"]


@pytest.mark.skipif(bool(optional.missing("matting")), reason="rembg and onnxruntime are not installed")
def test_a_long_preview_is_cancelled(panel, photo):
    accordion = Accordion(panel)
    panel.upload(accordion.id("foreground"), photo)
    panel.pick(accordion.id("matting"), "minutes")
    accordion.press("preview_matte")

    def answer():
        accordion.press("preview_cancel")
        return accordion.texts("preview_shown", "p")

    assert panel.until(answer, "the end of the preview") == ["The preview was cancelled."]
    assert panel.console_errors() == []
