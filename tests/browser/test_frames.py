"""The pad shows the frame of the next img2img job: every resize mode, and the part that inpaint only masked samples."""

import numpy as np
import pytest
from encoding import opened
from PIL import Image, ImageFilter
from sd_relight.lib_iclight.params import IcLightParams
from sd_relight.lib_relight.job.frame import CONTAIN, COVER, LATENT, STRETCH, Frame
from sd_relight.lib_relight.job.subject import Subject, light_map
from sd_relight.lib_relight.request.images import ImageDecoder
from sd_relight.lib_relight.request.request import IcLightImages

pytestmark = pytest.mark.once_per_gradio
MODES = {STRETCH: "Just resize", COVER: "Crop and resize", CONTAIN: "Resize and fill", LATENT: "Just resize (latent upscale)"}
SIZES = {"wide": (900, 400), "square": (640, 640), "tall": (400, 750)}
OUTPUT = 512, 384
MAP = """
const subject = pad.fittedSubject(), {frame, lights} = pad.state;
if (frame.mode !== arguments[0] || !frame.size || !pad.images?.normals || lights[0]?.light_elevation !== 40 || pad.values.matting !== "none") return null;
return relight.padView.mapCanvas(pad.state, null, pad.surfaceOf(subject), (_, make) => make()).toDataURL();
"""
BOX = (200, 240, 360, 420)


@pytest.fixture(scope="module")
def photos(tmp_path_factory, repo_root):
    """One photograph in three aspect ratios: name -> path. Without the finest detail, which browsers filter in their own way."""
    folder = tmp_path_factory.mktemp("photos")
    photo = Image.open(repo_root / "assets" / "astronaut.jpg").convert("RGB")
    for name, size in SIZES.items():
        photo.resize(size).filter(ImageFilter.GaussianBlur(2)).save(folder / f"{name}.png")
    return {name: folder / f"{name}.png" for name in SIZES}


def pad_image(pad, what):
    """What the pad shows of the subject once its frame is that of the JavaScript condition `what`."""
    data = pad.panel.until(lambda: pad.script(f"const frame = pad.state.frame; return {what} && pad.scaled?.toDataURL()"), what)
    return opened(data.split(",")[1])


def difference(shown, path, frame):
    """Mean difference in grey levels between an opaque image and the job's, at the former's size."""
    job = Image.fromarray(frame.place(np.asarray(Image.open(path)), *OUTPUT)).resize(shown.size, Image.LANCZOS)
    assert np.asarray(shown.convert("RGBA"))[..., 3].min() >= 254
    return np.abs(np.asarray(shown.convert("RGB")).astype(int) - np.asarray(job)).mean()


@pytest.mark.parametrize("name", SIZES)
def test_every_resize_mode(panel, pad, photos, name):
    pad.open("img2img", width=OUTPUT[0], height=OUTPUT[1])
    panel.upload("img2img_image", photos[name])
    for mode, label in MODES.items():
        panel.choose("resize_mode", label)
        shown = pad_image(pad, f"frame.size && frame.mode == {mode}")
        assert difference(shown, photos[name], Frame(SIZES[name], mode)) <= 2, label
    assert panel.console_errors() == []


def test_inpaint_only_masked(panel, pad, photos, tmp_path):
    """The box around the mask, as the host finds it with mask blur 0 and padding 16: grown to the ratio of the output."""
    mask = Image.new("L", SIZES["square"])
    mask.paste(255, BOX)
    mask.save(tmp_path / "mask.png")
    pad.open("img2img", width=OUTPUT[0], height=OUTPUT[1], mask_blur=0, inpaint_full_res_padding=16)
    panel.upload("img2img_image", photos["square"])
    panel.upload("img_inpaint_mask", tmp_path / "mask.png")
    panel.click("#inpaint_controls > .label-wrap")
    panel.choose("img2img_inpaint_full_res", "Only masked")
    shown = pad_image(pad, "frame.crop")
    box = pad.script("return pad.state.frame.crop")
    assert (box[2] - box[0]) / (box[3] - box[1]) == pytest.approx(OUTPUT[0] / OUTPUT[1], rel=0.02)
    assert (box[1], box[3]) == (BOX[1] - 16, BOX[3] + 16)
    frame = Frame(SIZES["square"], STRETCH, tuple(box))
    assert difference(shown, photos["square"], frame) <= 2
    panel.pick(pad("matting"), "none")
    assert pad.preview("preview_foreground") == ["What the model sees 512×384"]
    source = panel.find(f"{pad.css('preview_shown')} img").get_attribute("src")
    shown = opened(source.split(",")[1])
    assert difference(shown, photos["square"], frame) == 0
    panel.choose("img2img_inpaint_full_res", "Whole picture")
    assert difference(pad_image(pad, "!frame.crop"), photos["square"], Frame(SIZES["square"], STRETCH)) <= 2
    assert panel.console_errors() == []


@pytest.mark.parametrize("mode", [COVER, CONTAIN])
def test_the_normal_map_lies_in_the_jobs_frame(panel, pad, photos, tmp_path, mode):
    """The light map of the pad is the job's for a soft photograph as normal map."""
    soft = Image.open(photos["wide"]).filter(ImageFilter.GaussianBlur(30))
    soft.save(tmp_path / "normals.png")
    pad.open("img2img", width=OUTPUT[0], height=OUTPUT[1])
    panel.upload("img2img_image", photos["wide"])
    panel.upload(pad("normal_map"), tmp_path / "normals.png")
    panel.choose("resize_mode", MODES[mode])
    panel.pick(pad("matting"), "none")
    pad.script("pad.setLights([{light: 'left', light_elevation: 40}])")
    address = panel.until(lambda: pad.script(MAP, mode), "the shaded map")
    shown = np.asarray(opened(address.split(",")[1]).convert("RGB")).astype(int)
    given = ImageDecoder().decode(soft, "normal_map")
    params, frame = IcLightParams(light="left", light_elevation=40, matting="none"), Frame(SIZES["wide"], mode)
    job = light_map(params, IcLightImages(normal_map=given), "fc", frame, shown.shape[1], shown.shape[0], subject=Subject(given, None))
    assert np.abs(shown - job).mean() <= 2 and job.std() > 20
    assert panel.find_all(f"#{pad('numbers')} #{pad('normal_map')}") and panel.console_errors() == []
