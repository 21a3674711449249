"""`dev.py batch` in processes of its own: a run that is killed goes on where it was and gives the same files."""

import json
import os
import subprocess
import sys
from pathlib import Path
from types import SimpleNamespace

import pytest
from PIL import Image, ImageDraw
from sd_relight.embedded_host.cli import batch
from sd_relight.lib_relight.base.errors import RelightError

pytestmark = pytest.mark.same_everywhere
ROOT = Path(__file__).resolve().parents[2]
COUNT = int(os.environ.get("RELIGHT_BATCH_IMAGES", "14"))
BROKEN = ("broken.png", "sub/cut-short.jpg", "sub/text.webp")


def cut_out(number):
    image = Image.new("RGBA", (48, 40))
    ImageDraw.Draw(image).ellipse((8, 4, 40, 38), fill=(40 + 3 * number % 200, 90, 200 - number, 255))
    return image


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """COUNT images, in sub-folders as well, and three broken ones."""
    root = tmp_path_factory.mktemp("photos")
    (root / "sub" / "deep").mkdir(parents=True)
    for number in range(COUNT):
        cut_out(number).save(root / ("", "sub", "sub/deep")[number % 3] / f"photo {number:03}.png")
    (root / "broken.png").write_bytes(b"\x89PNG\r\n\x1a\n")
    Image.new("RGB", (64, 64), "red").save(root / "sub/cut-short.jpg")
    (root / "sub/cut-short.jpg").write_bytes((root / "sub/cut-short.jpg").read_bytes()[:300])
    (root / "sub/text.webp").write_text("no image")
    return root


def words(folder, out, *more):
    return ["batch", str(folder), "--out", str(out), "--size", "64x64", "--steps", "1", "--device", "cpu", *more]


@pytest.fixture(scope="module")
def killed(folder, tmp_path_factory):
    """The output folder of a run that was killed when half of the images were done."""
    out = tmp_path_factory.mktemp("killed")
    command = [sys.executable, str(ROOT / "dev.py"), *words(folder, out)]
    with subprocess.Popen(command, env={**os.environ, "RELIGHT_INSIDE": "1"}, stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
                          text=True) as process:
        finished = (line for line in process.stdout if f"/{COUNT + 3} " in line)
        for _ in range(COUNT // 2):
            next(finished)
        process.kill()
    return out


@pytest.fixture(scope="module")
def before(killed):
    """Its images and the photos that its manifest calls done, before it goes on."""
    entries = map(batch.parse_line, (killed / "manifest.jsonl").read_bytes().splitlines())
    return ({path: path.stat().st_mtime_ns for path in killed.rglob("photo*.png")},
            [entry["photo"] for entry in entries if entry and entry["status"] == "done"])


@pytest.fixture(scope="module")
def two(tmp_path_factory):
    """A folder of two images, and one for their outputs."""
    root = tmp_path_factory.mktemp("two")
    (root / "photos").mkdir()
    cut_out(1).save(root / "photos/a.png")
    cut_out(2).save(root / "photos/a.webp")
    return root / "photos", root / "out"


@pytest.fixture(scope="module")
def whole(tmp_path_factory):
    """The output folder of a run that nothing disturbed."""
    return tmp_path_factory.mktemp("whole")


@pytest.fixture(scope="module")
def answers(folder, whole, killed, before, two, tmp_path_factory):
    """Further runs, one after the other in one process: a whole one; the killed one goes on; two images, again, with other options."""
    commands = {"whole": words(folder, whole), "resumed": words(folder, killed), "first": words(*two), "again": words(*two),
                "other": words(*two, "--lights", "left,top")}
    inside = [sys.executable, str(Path(__file__).with_name("inside.py")), str(ROOT), str(tmp_path_factory.mktemp("inside")),
              json.dumps(commands)]
    return json.loads(subprocess.run(inside, capture_output=True, text=True, check=True).stdout.splitlines()[-1])


def files(out):
    return {path.relative_to(out).as_posix(): path.read_bytes() for path in out.rglob("*.png")}


def lines(out):
    return [json.loads(line) for line in (out / "manifest.jsonl").read_text("utf-8").splitlines()]


def test_every_good_image_is_relit_and_every_broken_one_named(answers, whole, folder):
    answer = answers["whole"]
    assert answer["code"] == 1, answer["err"]
    expected = {path.relative_to(folder).as_posix() for path in folder.rglob("photo*.png")}
    assert set(files(whole)) == expected
    assert f"{COUNT} of {COUNT + 3} images are in {whole}" in answer["out"]
    for name in BROKEN:
        assert f"failed: {name}: `photo` " in answer["out"]
    entries = {entry["photo"]: entry for entry in lines(whole)}
    assert {name for name, entry in entries.items() if entry["status"] == "failed"} == set(BROKEN)
    assert all(entries[name]["outputs"] == [name] and entries[name]["seed"] == 12345 for name in expected)


def test_a_killed_run_goes_on_without_redoing_or_losing_one(whole, killed, before, answers):
    times, done = before
    assert 0 < len(done) < COUNT
    assert answers["resumed"]["code"] == 1
    assert files(killed) == files(whole)
    assert all(path.stat().st_mtime_ns == times[path] for path in (killed / name for name in done)), "none is done twice"
    assert not list(killed.rglob(".*"))


def test_a_finished_run_does_nothing_and_other_options_do_everything(answers, two):
    assert "2 images, 0 done before" in answers["first"]["out"]
    assert "2 images, 2 done before" in answers["again"]["out"] and answers["again"]["code"] == 0
    assert "2 images, 0 done before" in answers["other"]["out"]
    assert set(files(two[1])) == {"a.png.png", "a.webp.png", "a.png-1.png", "a.png-2.png", "a.webp-1.png", "a.webp-2.png"}


def test_a_line_that_was_cut_short_is_ended(tmp_path):
    (tmp_path / "manifest.jsonl").write_bytes(b'{"photo": "a.png", "status": "done", "key": "1", "outputs": []}\n{"photo": "b.p')
    manifest = batch.Manifest(tmp_path)
    assert manifest.has("a.png", "1") and not manifest.has("a.png", "2") and not manifest.has("b.png", "1")
    manifest.add({"photo": "c.png", "status": "failed"})
    assert list(batch.Manifest(tmp_path).entries) == ["a.png", "c.png"]


def test_masks_have_the_images_path_and_a_folder_without_images_is_an_error(tmp_path):
    (tmp_path / "masks/sub").mkdir(parents=True)
    (tmp_path / "masks/sub/a.jpg").touch()
    assert batch.find_mask(tmp_path / "masks", Path("sub/a.png")) == tmp_path / "masks/sub/a.jpg"
    assert batch.find_mask(tmp_path / "masks", Path("b.jpg")) == tmp_path / "masks/b.png"
    (tmp_path / "empty").mkdir()
    with pytest.raises(RelightError) as caught:
        batch.find_tasks(SimpleNamespace(folder=tmp_path / "empty", out=tmp_path / "out", masks=None))
    assert str(caught.value).startswith(f"{tmp_path / 'empty'} has no image (.png, .jpg, ")
