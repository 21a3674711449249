"""`dev.py batch --ray` on a cluster of two workers on this machine, one of which is killed in the middle of its work."""

import json
import os
import signal
import subprocess
import sys
from importlib.util import find_spec
from pathlib import Path

import pytest
from PIL import Image, ImageDraw

pytestmark = [pytest.mark.same_everywhere,
              pytest.mark.skipif(find_spec("ray") is None, reason='Ray is not installed: pip install "ray[data]" for this test')]
ROOT = Path(__file__).resolve().parents[2]
COUNT = int(os.environ.get("RELIGHT_BATCH_IMAGES", "16"))
OPTIONS = ("--size", "64x64", "--steps", "1", "--device", "cpu")
ENVIRONMENT = {**os.environ, "RELIGHT_INSIDE": "1", "OMP_NUM_THREADS": "1"}


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    root = tmp_path_factory.mktemp("photos")
    (root / "sub").mkdir()
    for number in range(COUNT):
        image = Image.new("RGBA", (48, 40))
        ImageDraw.Draw(image).ellipse((8, 4, 40, 38), fill=(40 + 3 * number % 200, 90, 200 - number, 255))
        image.save(root / ("", "sub")[number % 2] / f"photo {number:03}.png")
    (root / "broken.png").write_bytes(b"\x89PNG\r\n\x1a\n")
    return root


def start(folder, out, *more):
    command = [sys.executable, str(ROOT / "dev.py"), "batch", str(folder), "--out", str(out), *OPTIONS, *more]
    return subprocess.Popen(command, env=ENVIRONMENT, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)


def workers_of(parent):
    """Process ids of the actors below a process."""
    parents, names = {}, {}
    for entry in Path("/proc").glob("[0-9]*"):
        try:
            parents[int(entry.name)] = int((entry / "stat").read_text().rpartition(")")[2].split()[1])
            names[int(entry.name)] = (entry / "cmdline").read_bytes().decode(errors="replace")
        except OSError:
            continue
    below = {parent}
    for _ in range(4):
        below |= {pid for pid, above in parents.items() if above in below}
    return [pid for pid in below if names.get(pid, "").startswith("ray::") and "MapWorker" in names[pid]]


def files(out):
    return {path.relative_to(out).as_posix(): path.read_bytes() for path in out.rglob("*.png")}


@pytest.mark.skipif(not Path("/proc/self/cmdline").exists(), reason="looks for the workers in /proc")
def test_a_killed_worker_loses_and_doubles_nothing(folder, tmp_path):
    plain, out = tmp_path / "plain", tmp_path / "out"
    with start(folder, plain) as process:
        process.stdout.read()
    with start(folder, out, "--ray", "--workers", "2") as process:
        text = []
        for line in process.stdout:
            text.append(line)
            if line.startswith(f"3/{COUNT + 1} "):
                workers = workers_of(process.pid)
                os.kill(workers[0], signal.SIGKILL)
    said = "".join(text)
    assert len(workers) == 2 and process.returncode == 1, said
    assert "2 workers on Ray" in said and f"{COUNT} of {COUNT + 1} images are in" in said
    assert files(out) == files(plain) and len(files(out)) == COUNT
    entries = [[json.loads(line) for line in (place / "manifest.jsonl").read_text().splitlines()] for place in (out, plain)]
    assert sorted(entry["photo"] for entry in entries[0]) == sorted(entry["photo"] for entry in entries[1])
    for one, other in zip(*(sorted(found, key=lambda entry: entry["photo"]) for found in entries), strict=True):
        assert {**one, "seconds": 0} == {**other, "seconds": 0}
    with start(folder, out) as process:
        assert f"{COUNT + 1} images, {COUNT} done before" in process.stdout.read(), "a plain run takes the manifest over"


def test_a_uri_needs_ray(folder, tmp_path):
    with start("s3://photos", tmp_path) as process:
        assert "dev.py: A folder that is a URI needs --ray; add it, or give a path of this machine.\n" in process.stdout.read()
