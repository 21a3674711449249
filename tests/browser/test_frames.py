"""The pad shows the frame of the next img2img job: every resize mode, and the part that inpaint only masked samples."""

import base64
import io

import numpy as np
import pytest
from PIL import Image
from sd_relight.lib_relight.job.frame import CONTAIN, COVER, LATENT, STRETCH, Frame

MODES = {STRETCH: "Just resize", COVER: "Crop and resize", CONTAIN: "Resize and fill", LATENT: "Just resize (latent upscale)"}
SIZES = {"wide": (900, 400), "square": (640, 640), "tall": (400, 750)}
OUTPUT = 512, 384
BOX = (200, 240, 360, 420)


@pytest.fixture(scope="module")
def photos(tmp_path_factory, repo_root):
    """One photograph in three aspect ratios: name -> path."""
    folder = tmp_path_factory.mktemp("photos")
    photo = Image.open(repo_root / "assets" / "astronaut.jpg").convert("RGB")
    for name, size in SIZES.items():
        photo.resize(size).save(folder / f"{name}.png")
    return {name: folder / f"{name}.png" for name in SIZES}


def pad_image(pad):
    data = pad.script("return pad.scaled && pad.scaled.toDataURL()")
    return data and Image.open(io.BytesIO(base64.b64decode(data.split(",")[1])))


def difference(shown, path, frame):
    """Mean difference in grey levels between the pad's image and the job's, at the job's size."""
    job = frame.place(np.asarray(Image.open(path)), *OUTPUT)
    assert np.asarray(shown.convert("RGBA"))[..., 3].min() >= 254
    return np.abs(np.asarray(shown.convert("RGB").resize(OUTPUT, Image.LANCZOS)).astype(int) - job).mean()


def until_shown(pad, path, frame, what):
    def is_shown():
        shown = pad_image(pad)
        return shown is not None and difference(shown, path, frame) <= 2

    try:
        pad.panel.until(is_shown, what)
    except AssertionError:
        pytest.fail(f"{what}: difference {difference(pad_image(pad), path, frame):.1f}")


@pytest.mark.parametrize("name", SIZES)
def test_every_resize_mode(panel, pad, photos, name):
    pad.open("img2img", width=OUTPUT[0], height=OUTPUT[1])
    panel.upload("img2img_image", photos[name])
    for mode, label in MODES.items():
        panel.choose("resize_mode", label)
        until_shown(pad, photos[name], Frame(SIZES[name], mode), label)
    assert panel.console_errors() == []


def test_inpaint_only_masked(panel, pad, photos, tmp_path):
    """The box around the mask, as the host finds it with mask blur 0 and padding 16: grown to the ratio of the output."""
    mask = Image.new("L", SIZES["square"])
    mask.paste(255, BOX)
    mask.save(tmp_path / "mask.png")
    pad.open("img2img", width=OUTPUT[0], height=OUTPUT[1], mask_blur=0, inpaint_full_res_padding=16)
    panel.upload("img2img_image", photos["square"])
    panel.upload("img_inpaint_mask", tmp_path / "mask.png")
    panel.choose("img2img_inpaint_full_res", "Only masked")
    box = pad.panel.until(lambda: pad.script("return pad.state.frame.crop"), "the sampled part")
    assert (box[2] - box[0]) / (box[3] - box[1]) == pytest.approx(OUTPUT[0] / OUTPUT[1], rel=0.02)
    assert (box[1], box[3]) == (BOX[1] - 16, BOX[3] + 16)
    frame = Frame(SIZES["square"], STRETCH, tuple(box))
    until_shown(pad, photos["square"], frame, "the sampled part")
    pad.panel.pick(pad("matting"), "none")
    assert pad.preview("preview_foreground") == ["What the model sees 512×384"]
    source = panel.find(f"{pad.css('preview_shown')} img").get_attribute("src")
    shown = Image.open(io.BytesIO(base64.b64decode(source.split(",")[1])))
    assert difference(shown, photos["square"], frame) == 0
    panel.choose("img2img_inpaint_full_res", "Whole picture")
    until_shown(pad, photos["square"], Frame(SIZES["square"], STRETCH), "the whole image again")
    assert panel.console_errors() == []
