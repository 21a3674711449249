"""The command line's own parts, without a model: what it asks, what it writes, what it says."""

import io
import json
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
from PIL import Image
from sd_relight.embedded_host.cli import cli, demo, session
from sd_relight.embedded_host.cli.job_spec import RelightJobSpec, fit_size, parse_size, payload_of, uses_img2img
from sd_relight.embedded_host.cli.progress_bar import ProgressBar, draw, share_done
from sd_relight.lib_relight.base.errors import RelightError
from sd_relight.lib_relight.hosts.contact_sheet import GAP, LABEL, PAPER, grid, plain_sheet
from sd_relight.lib_relight.request.panel_values import parse_request

PHOTO = Image.new("RGB", (300, 200), (200, 120, 40))


# What is asked --------------------------------------------------------------------------------------------------------

@pytest.mark.parametrize(("photo", "side", "expected"), [
    ((512, 512), 512, (512, 512)), ((512, 640), 512, (512, 640)), ((3000, 2000), 512, (768, 512)),
    ((1000, 4000), 512, (512, 1024)), ((100, 100), 256, (256, 256)), ((600, 400), 256, (384, 256))])
def test_size_follows_the_photo(photo, side, expected):
    assert fit_size(photo, side) == expected


def test_size_can_be_given():
    assert parse_size("512x640") == (512, 640)
    for text in ("512", "512x641", "axb", "0x64", "512x640x3", "8192x64"):
        with pytest.raises(ValueError, match=f"--size is '{text}'"):
            parse_size(text)


def test_a_light_alone_is_img2img_with_the_photo_as_subject():
    spec = RelightJobSpec(PHOTO, (384, 256), light="left", prompt="a cup", steps=12, seed=7, denoise=0.9)
    payload = payload_of(spec)
    assert uses_img2img(spec)
    assert payload["init_images"] == [PHOTO] and payload["denoising_strength"] == 0.9
    assert payload["prompt"] == "a cup" and payload["sampler_name"] == "DPM++ 2M SDE"
    assert (payload["width"], payload["height"], payload["steps"], payload["seed"]) == (384, 256, 12, 7)
    assert payload["alwayson_scripts"] == {"Relight": {"args": [{"iclight": {"light": "left"}}]}}


def test_a_background_is_txt2img_with_the_photo_as_foreground():
    background, mask = Image.new("RGB", (64, 64)), Image.new("L", (300, 200), 255)
    payload = payload_of(RelightJobSpec(PHOTO, (384, 256), background=background, mask=mask))
    assert "init_images" not in payload and "enable_hr" not in payload
    assert payload["alwayson_scripts"]["Relight"]["args"][0]["iclight"] == {
        "light": "none", "background": background, "mask": mask, "matting": "mask", "foreground": PHOTO}


def test_hires_is_one_txt2img_job_with_both_passes():
    payload = payload_of(RelightJobSpec(PHOTO, (384, 256), light="left", hires=1.5))
    assert payload["enable_hr"] and payload["hr_scale"] == 1.5 and payload["denoising_strength"] == 0.5
    assert payload["alwayson_scripts"]["Relight"]["args"][0]["iclight"]["foreground"] is PHOTO


@pytest.mark.parametrize("options", [{"light": "left"}, {"light": "top", "hires": 1.2}, {"background": PHOTO}, {},
                                     {"light": "left", "mask": PHOTO.convert("L")}])
def test_every_payload_is_one_that_the_script_takes(options):
    spec = RelightJobSpec(PHOTO, (384, 256), **options, more={"detail": 0.5})
    args = payload_of(spec)["alwayson_scripts"]["Relight"]["args"]
    request = parse_request(args)
    assert request.iclight.light == options.get("light", "none") and request.iclight.detail == 0.5


def test_further_fields_are_json_or_words():
    assert cli.more_fields(["light_angle=30", "light_color=#ffb46b", "extras=true"]) == {
        "light_angle": 30, "light_color": "#ffb46b", "extras": True}
    assert cli.more_fields(None) == {}


# What is written ------------------------------------------------------------------------------------------------------

def test_png_carries_the_infotext(tmp_path):
    path = tmp_path / "new" / "a.png"
    session.save_image(PHOTO, path, "a cup\nSteps: 12, Relight: x")
    with Image.open(path) as image:
        assert image.text["parameters"] == "a cup\nSteps: 12, Relight: x"
        np.testing.assert_array_equal(np.asarray(image), np.asarray(PHOTO))


def test_jpeg_carries_the_infotext(tmp_path):
    path = tmp_path / "a.jpg"
    session.save_image(PHOTO.convert("RGBA"), path, "Größe: 12")
    with Image.open(path) as image:
        comment = image.getexif().get_ifd(session.EXIF_IFD)[session.USER_COMMENT]
    assert comment[:8] == b"UNICODE\0" and comment[8:].decode("utf-16-be") == "Größe: 12"


def test_a_place_that_cannot_be_written_is_one_sentence(tmp_path):
    (tmp_path / "file").touch()
    with pytest.raises(RelightError, match="could not be written"):
        session.save_image(PHOTO, tmp_path / "file" / "a.png")
    with pytest.raises(RelightError, match="could not be written"):
        session.save_image(PHOTO, tmp_path / "a.nothing")


def test_the_sheet_places_images_in_rows():
    assert grid(5, 3) == (3, 2) and grid(2, 5) == (2, 1)
    red, tall = Image.new("RGB", (100, 100), (255, 0, 0)), Image.new("L", (50, 100), 0)
    sheet = plain_sheet([("a", red), ("b", tall), ("c", red)], columns=2, cell=40)
    assert sheet.size == (2 * 48 + GAP, 2 * (40 + LABEL + GAP) + GAP)
    assert sheet.getpixel((GAP + 20, GAP + 20)) == (255, 0, 0)
    assert sheet.getpixel((GAP + 48 + 2, GAP + 20)) == PAPER  # beside the tall image
    assert sheet.getpixel((GAP + 48 + 20, GAP + 20)) == (0, 0, 0)
    assert sheet.getpixel((GAP + 20, GAP + 40 + LABEL + GAP + 20)) == (255, 0, 0)


def test_brighter_side_is_measured_inside_the_subject():
    image = np.zeros((64, 64), np.uint8)
    image[:, 32:] = 100
    image[:, :8] = 255  # outside the matte
    matte = np.zeros((64, 64), np.uint8)
    matte[16:48, 16:48] = 255
    assert demo.bright_side(Image.fromarray(image), Image.fromarray(matte)).startswith("right +1")


def test_the_matte_fits_the_photo():
    photo, matte = Image.open(demo.PHOTO), Image.open(demo.MATTE)
    assert photo.size == matte.size == (512, 512)
    alpha = np.asarray(matte.convert("L"))
    assert alpha[:10].max() == 0 and alpha[200, 200] == 255
    assert 0.35 < (alpha > 127).mean() < 0.6
    assert ((alpha > 0) & (alpha < 255)).mean() > 0.005, "soft edges"


# What is message ---------------------------------------------------------------------------------------------------------

class Terminal(io.StringIO):
    def isatty(self):
        return True


def state_of(**values):
    return SimpleNamespace(**{"job_count": 1, "job_no": 0, "sampling_step": 0, "sampling_steps": 0, **values})


def test_progress_counts_jobs_and_steps():
    assert share_done(state_of()) == 0
    assert share_done(state_of(sampling_step=5, sampling_steps=10)) == 0.5
    assert share_done(state_of(job_count=2, job_no=1, sampling_step=5, sampling_steps=10)) == 0.75
    assert share_done(state_of(job_count=-1, sampling_step=30, sampling_steps=10)) == 1
    assert draw("left", 0.5, 3.2) == "left                   [############............]  50 %     3.2 s"


def test_the_bar_ends_its_line():
    terminal, file = Terminal(), io.StringIO()
    for stream in (terminal, file):
        with ProgressBar("left", state_of(), stream):
            pass
    assert terminal.getvalue().startswith("\r") and terminal.getvalue().endswith("s\n")
    assert "\r" not in file.getvalue() and file.getvalue().count("\n") == 1


def test_a_failed_job_does_not_claim_100_percent():
    stream = io.StringIO()
    with pytest.raises(RelightError), ProgressBar("left", state_of(), stream):
        raise RelightError("no")
    assert "100" not in stream.getvalue()


def make_config(folder, widths, sample_size=32, **index):
    (folder / "unet").mkdir(parents=True)
    (folder / "unet/config.json").write_text(json.dumps({"sample_size": sample_size, "block_out_channels": widths}))
    (folder / "model_index.json").write_text(json.dumps(index))
    return folder


def test_models_are_described_plainly(tmp_path):
    assert "RANDOM" in session.describe_models(make_config(tmp_path / "a", [32], _relight="random"))
    assert "tiny networks" in session.describe_models(make_config(tmp_path / "b", [32]))
    real = make_config(tmp_path / "c", [320], 64)
    assert session.describe_models(real) == str(real)
    assert (session.native_side(tmp_path / "b"), session.native_side(real), session.native_side(tmp_path)) == (256, 512, 512)


def test_real_models_get_the_words_of_the_original(tmp_path):
    real, tiny = make_config(tmp_path / "real", [320]), make_config(tmp_path / "tiny", [32])
    words = session.defaults(real, "a cup, ")
    assert words == {"prompt": "a cup, best quality", "steps": 25,
                     "negative": "lowres, bad anatomy, bad hands, cropped, worst quality"}
    assert session.defaults(real, "a cup", "blur")["negative"] == "blur"
    assert (session.defaults(tiny, "a cup")["prompt"], session.defaults(tiny, "a cup")["steps"]) == ("a cup", 12)


def test_the_plan_of_the_demo(tmp_path):
    args = SimpleNamespace(light=None, seed=1, steps=None)
    real = demo.plan(args, make_config(tmp_path / "real", [320], 64))
    assert [title for title, _, _ in real] == ["photo, left", "photo, right", "photo, top", "photo, bottom", "photo, on sunset"]
    assert real[0][1].size == (512, 512) and real[0][1].prompt.endswith("best quality, light from the left")
    args = SimpleNamespace(light=["top"], seed=1, steps=3)
    tiny = demo.plan(args, make_config(tmp_path / "tiny", [32]))
    assert [(title, spec.light, spec.steps) for title, spec, _ in tiny] == [
        ("object, top", "top", 3), ("photo, top", "top", 3), ("photo, networks only", "top", 3)]
    assert ["detail" in spec.more for _, spec, _ in tiny] == [False, True, False]
    assert not any(spec.more for _, spec, _ in real)


def relight_args(tmp_path, **changes):
    photo = tmp_path / "photo.png"
    PHOTO.save(photo)
    given = {"command": "relight", "photo": photo, "out": tmp_path / "out.png", "light": "left", "prompt": "", "negative": None,
             "background": None, "mask": None, "cfg": 2.0, "denoise": None, "hires": None, "size": None, "models": None,
             "device": "auto", "seed": 1, "steps": None, "set": None, "lights": "left,right", "frames": 24, "fps": 12.0, "easing": "linear",
             "once": False, "blend": 0.0, "y": "opengl", "bits": 8}
    return SimpleNamespace(**{**given, **changes})


@pytest.mark.parametrize(("changes", "sentence"), [
    ({"light": "lefft"}, "`light` is 'lefft'; choose one of none, left"),
    ({"set": ["light_angle"]}, "--set is 'light_angle'; write FIELD=VALUE"),
    ({"set": ["lihgt_angle=3"]}, "`iclight` has no field `lihgt_angle`; did you mean `light_angle`?"),
    ({"set": ["detail=2"]}, "`detail` is 2; it must be a number from 0 to 1"),
    ({"steps": 0}, "--steps is 0; it must be from 1 to 150"),
    ({"hires": 9.0}, "--hires is 9; it must be from 1 to 4"),
    ({"denoise": -1.0}, "--denoise is -1; it must be from 0 to 1"),
    ({"out": Path("out.gif")}, "-o is out.gif; its name must end in .png, .jpg"),
    ({"size": "500x500"}, "--size is '500x500'; write WIDTHxHEIGHT"),
    ({"photo": Path("none.png")}, "`photo`: there is no file none.png"),
    ({"device": "tpu"}, "--device is 'tpu', which this machine does not have; choose one of auto, cpu"),
    ({"models": Path("nowhere")}, "nowhere, which is no folder"),
    ({"command": "sweep"}, "out.png; its name must end in .webp, .gif, .mp4."),
    ({"command": "sweep", "out": Path("a.gif"), "frames": 1}, "`set_frames` is 1; it must be a whole number from 2 to 240"),
    ({"command": "sweep", "out": Path("a.gif"), "fps": 100.0}, "--fps is 100; it must be from 0.1 to 50."),
    ({"command": "sweep", "out": Path("a.gif"), "blend": 2.0}, "`set_blend` is 2.0; it must be a number from 0 to 1."),
    ({"command": "normals", "out": Path("a.jpg"), "bits": 16}, "-o is a.jpg, which cannot hold 16 bits; choose .png or .exr."),
    ({"command": "sheet", "lights": " ,"}, "--lights is empty; write names with commas, for example left,right,top,bottom."),
    ({"command": "sheet", "lights": "left,lft"}, "`light` is 'lft'; choose one of none, left"),
])
def test_user_mistakes_are_one_sentence_and_exit_code_2(tmp_path, capsys, changes, sentence):
    assert cli.main(relight_args(tmp_path, **changes)) == 2
    message = capsys.readouterr().err
    assert sentence in message and message.count("\n") == 1 and "Traceback" not in message


def test_a_file_that_is_no_image_is_an_error_of_one_line(tmp_path, capsys):
    args = relight_args(tmp_path)
    args.photo.write_bytes(b"<html>not found</html>")
    assert cli.main(args) == 2
    assert "`photo` is no image in a supported format" in capsys.readouterr().err


def test_unknown_light_of_the_demo(capsys):
    assert cli.main(SimpleNamespace(command="demo", light=["up"])) == 2
    assert "--light is 'up'; choose one of left, right" in capsys.readouterr().err


def test_a_port_in_use_is_said_before_the_models_are_loaded(capsys, monkeypatch):
    import socket

    monkeypatch.setattr(demo, "Session", lambda *args: pytest.fail("loaded"))
    with socket.socket() as other:
        other.bind(("127.0.0.1", 0))
        other.listen()
        port = other.getsockname()[1]
        assert cli.main(SimpleNamespace(command="demo", light=None, ui=True, port=port)) == 2
    assert f"--port {port} cannot be used" in capsys.readouterr().err


@pytest.mark.parametrize(("cuda", "mps", "chosen"), [(True, True, "cuda"), (False, True, "mps"), (False, False, "cpu")])
def test_the_best_device_is_chosen(monkeypatch, cuda, mps, chosen):
    import torch

    monkeypatch.setattr(torch.cuda, "is_available", lambda: cuda)
    monkeypatch.setattr(torch.cuda, "device_count", lambda: 2)
    monkeypatch.setattr(torch.backends.mps, "is_available", lambda: mps)
    assert session.pick_device("auto") == chosen and session.pick_device("cpu") == "cpu"
    for name in ("cuda:1", "cuda:2", "tpu"):
        if cuda and name == "cuda:1":
            assert session.pick_device(name) == name
        else:
            with pytest.raises(RelightError, match=f"--device is '{name}'"):
                session.pick_device(name)


def test_our_own_bugs_keep_their_traceback(monkeypatch):
    monkeypatch.setattr(cli, "relight", lambda args: 1 / 0)
    with pytest.raises(ZeroDivisionError):
        cli.main(SimpleNamespace(command="relight"))


def test_too_little_memory_is_a_sentence(monkeypatch, capsys):
    import torch

    def full(args):
        raise torch.OutOfMemoryError("CUDA out of memory")

    monkeypatch.setattr(cli, "relight", full)
    assert cli.main(SimpleNamespace(command="relight")) == 2
    assert "too little memory" in capsys.readouterr().err
