"""The subject is moved and scaled on the pad, which shows it where the job puts it."""

import numpy as np
import pytest
from decoding import decoded
from encoding import opened
from PIL import Image, ImageDraw, ImageFilter
from sd_relight.lib_iclight.params import IcLightParams
from sd_relight.lib_relight.job.frame import Frame
from sd_relight.lib_relight.job.subject import cut_out
from sd_relight.lib_relight.request.request import IcLightImages
from selenium.webdriver.common.keys import Keys

pytestmark = pytest.mark.once_per_gradio
OUTPUT = 320, 240


@pytest.fixture
def product(repo_root, tmp_path):
    """A part of a photograph, right of the middle, cut out by its alpha; and a background."""
    photo = Image.open(repo_root / "assets" / "astronaut.jpg").convert("RGB").resize((300, 200)).filter(ImageFilter.GaussianBlur(1))
    matte = Image.new("L", photo.size, 0)
    ImageDraw.Draw(matte).ellipse((120, 20, 240, 180), fill=255)
    photo.putalpha(matte.filter(ImageFilter.GaussianBlur(2)))
    photo.save(tmp_path / "product.png")
    Image.new("RGB", (64, 48), (30, 60, 120)).save(tmp_path / "background.png")
    return photo


def on_grey(image):
    return np.asarray(Image.alpha_composite(Image.new("RGBA", image.size, (127, 127, 127, 255)), image).convert("RGB")).astype(int)


def difference(pad, product):
    """Mean difference in grey levels between the subject on the pad and in the job, on grey."""
    pad.panel.until(lambda: pad.script("return !pad.frame && !pad.isSettling"), "the pad at rest")
    shown = opened(pad.script("return pad.scaled.toDataURL()").split(",")[1]).convert("RGBA")
    subject = cut_out(decoded(product), IcLightParams(matting="alpha", place=pad.field("place")), IcLightImages())
    return np.abs(on_grey(shown) - subject.on_grey(Frame(), *shown.size)).mean()


def placed(pad):
    return [float(part) for part in pad.field("place").split(",")]


def give_subject_and_background(panel, pad, folder):
    """Returns the handle that moves the subject."""
    pad.open(width=OUTPUT[0], height=OUTPUT[1])
    panel.upload(pad("foreground"), folder / "product.png")
    panel.until(lambda: pad.script("return !!pad.scaled"), "the subject")
    assert not pad.find(".relight-pad-subject").is_displayed(), "without a background the subject stays"
    panel.upload(pad("background"), folder / "background.png")
    mover = pad.find(".relight-pad-mover")
    panel.until(mover.is_displayed, "the subject's handle")
    pad.until_outlook("Light from the prompt · New background")
    panel.until(lambda: not panel.driver.execute_script("return relight.setup.isDue('txt2img')"), "the settings for a background")
    return mover


def test_the_subject_is_moved_on_its_background(panel, pad, product, tmp_path):
    mover = give_subject_and_background(panel, pad, tmp_path)
    assert difference(pad, product) <= 2 and pad.field("place") == ""
    start = pad.script("return pad.spot.place")
    begin, box = pad.middle(mover), pad.find(".relight-pad-frame").rect
    pad.drag(mover, 0.4, 0.45)
    panel.until(lambda: pad.field("place"), "the place in its field")
    end = pad.at(0.4, 0.45)
    moved = [start["x"] + (end[0] - begin[0]) / box["width"], start["y"] + (end[1] - begin[1]) / box["height"], 1]
    panel.until(lambda: placed(pad) == pytest.approx(moved, abs=0.02), "the dragged place")
    assert difference(pad, product) <= 2
    pad.driver.execute_script("arguments[0].focus()", mover)
    pad.keys("-", "-", Keys.ARROW_DOWN)
    panel.until(lambda: placed(pad)[2] == 0.907, "the scale")
    x, y, scale = placed(pad)
    pad.touch_drag(pad.find("[data-moves=scale]"), x, y)
    panel.until(lambda: placed(pad)[2] < 0.5, "a small subject")
    assert placed(pad)[:2] == [x, y] and difference(pad, product) <= 2
    pad.press("undo")
    pad.fields(place=f"{x:g}, {y:g}, {scale:g}")
    panel.fill(pad("place"), "0.2 0.3 1.5")
    panel.until(lambda: pad.script("return pad.state.place?.scale") == 1.5, "the typed place on the pad")
    assert difference(pad, product) <= 2
    pad.driver.execute_script("arguments[0].focus()", mover)
    pad.keys(Keys.HOME)
    pad.fields(place="")
    assert panel.console_errors() == []
