"""The comparison with the original's pipeline: equal as it is, and different with each planted fault."""

import hashlib
import json
import sys
from dataclasses import replace

import numpy as np
import pytest
import torch
from PIL import Image
from sd_relight.benchmarks import comparison, photographs, verify
from sd_relight.benchmarks.comparison import Case, Comparison
from sd_relight.lib_iclight import conditioning
from sd_relight.lib_relight.base.errors import RelightError
from sd_relight.lib_relight.hosts.patcher import to_host_range
from sd_relight.lib_relight.job import subject
from sd_relight.lib_relight.models import offsets


@pytest.fixture(scope="module")
def compared(session):
    return Comparison(session.host, {kind: session.models / f"iclight_{kind}.safetensors" for kind in ("fc", "fbc")})


@pytest.fixture
def case(repo_root):
    photo, matte = (Image.open(repo_root / "assets" / name) for name in ("astronaut.jpg", "astronaut-matte.png"))
    return Case("astronaut", photo, matte, (64, 64), "an orange clay blob", side="left", steps=1)


def with_background(case, repo_root):
    return replace(case, side=None, background=Image.open(repo_root / "assets" / "sunset.jpg"))


def test_relight_equals_the_original(compared, case, repo_root):
    figures, images = compared.run(replace(case, steps=2))
    assert figures["differs"] == [] and figures["PSNR, dB"] > 50
    assert images["original"].size == images["Relight"].size == (64, 64)
    assert compared.run(replace(with_background(case, repo_root), whole=False))[0]["differs"] == []


def changed_offsets(change):
    load = offsets.load
    return lambda *args: replace(loaded := load(*args), deltas=change(loaded.deltas))


def mirrored(*args, light_map=subject.light_map, **kwargs):
    return np.ascontiguousarray(light_map(*args, **kwargs)[:, ::-1])


def exchanged(subject, background, scale=1.0):
    return torch.cat([background, subject], dim=1)


def scaled(image):
    return (torch.from_numpy(image.copy())[None].float() / 127.5 - 1.0).movedim(-1, 1)


FAULTS = {
    "condition sampled": (None, "encode_mode", lambda self, vae, pixels: vae.encode(to_host_range(pixels)), "condition"),
    "127.5 for 127": (conditioning, "to_vae_input", scaled, "condition"),
    "offsets times 0.9": (offsets, "load", changed_offsets(lambda deltas: {k: v * 0.9 for k, v in deltas.items()}), "weights"),
    "one weight missing": (offsets, "load", changed_offsets(lambda deltas: dict(list(deltas.items())[:-1])), "weights"),
    "light mirrored": (subject, "light_map", mirrored, "start"),
    "subject and background exchanged": (conditioning, "concat_condition", exchanged, "condition"),
}


@pytest.mark.parametrize("fault", FAULTS)
def test_a_planted_fault_is_found(compared, case, repo_root, monkeypatch, fault):
    owner, name, broken, part = FAULTS[fault]
    if owner is None:  # the host's adapter, which can be imported only where a host is loaded
        from sd_relight.lib_relight.hosts.forge import ForgeHost as owner
    monkeypatch.setattr(owner, name, broken)
    if "background" in fault:
        case = with_background(case, repo_root)
    assert part in compared.run(replace(case, whole=False))[0]["differs"]


def test_shapes_that_differ_are_infinitely_far_apart():
    assert comparison.relative_error(None, torch.ones(1)) == comparison.relative_error(torch.ones(2), torch.ones(1)) == float("inf")


@pytest.fixture
def two_photographs(tmp_path, monkeypatch):
    """A package with the first photograph of a list of two, in place of scikit-image."""
    Image.radial_gradient("L").save(tmp_path / "ball.png")
    digest = hashlib.sha256((tmp_path / "ball.png").read_bytes()).hexdigest()
    ball = photographs.Photograph("ball", "ball.png", digest, (0, 0, 256, 256), "a ball", "a white clay ball",
                                  [{"ellipse": [128, 128, 90, 90, 0]}], 1.0)
    monkeypatch.setattr(photographs, "listed", lambda: [ball, replace(ball, file="gone.png")])
    monkeypatch.setattr(photographs, "folder", lambda: tmp_path)


@pytest.mark.same_everywhere
def test_verify_writes_one_page_and_json(session, repo_root, tmp_path, monkeypatch, two_photographs, parse, capsys):
    monkeypatch.setattr(verify, "Session", lambda models, device: session)
    monkeypatch.setattr(verify, "native_side", lambda models: 64)
    words = ["--device", "cpu", "--light", "left", "--photographs", "3", "--objects", "0", "--steps", "1", "--seed", "5"]
    assert verify.run(parse("verify", "--out", str(tmp_path), *words)) == 0
    report, html = json.loads((tmp_path / "verify.json").read_text()), (tmp_path / "verify.html").read_text()
    assert [(row["subject"], row["light"], row["equal"]) for row in report["rows"]] == [
        ("astronaut", "left", "yes"), ("ball", "left", "first step"), ("astronaut", "background", "yes")]
    assert ["PSNR, dB" in row for row in report["rows"]] == [True, False, True]
    assert report["summary"][0]["images"] == 2 and "photographs: lit side right in 0 of 0" in capsys.readouterr().out
    assert {"iclight_fc.safetensors", "unet/diffusion_pytorch_model.safetensors"} <= {row["file"] for row in report["files"]}
    memory = [row.get("peak RAM, MB") for row in report["rows"]]
    assert all(memory) if sys.platform == "linux" else memory, "also without a GPU"
    assert "Equal to the original" in html and html.count('src="data:image/jpeg;base64,') == html.count("<img") == 8
    assert "gone.png of scikit-image cannot be read" in html and str(repo_root) not in json.dumps(report) + html


@pytest.mark.same_everywhere
def test_verify_with_four_sides_and_a_rendered_object(session, tmp_path, monkeypatch, parse):
    monkeypatch.setattr(verify, "Session", lambda models, device: session)
    monkeypatch.setattr(verify, "native_side", lambda models: 128)
    assert verify.run(parse("verify", "--out", str(tmp_path), "--photographs", "1", "--objects", "1")) == 0
    report = json.loads((tmp_path / "verify.json").read_text())
    assert [(row["subject"], row["light"]) for row in report["rows"]] == [
        *((subject, side) for subject in ("astronaut", "rendered object 1") for side in verify.SIDES), ("astronaut", "background")]
    assert all(row["equal"] == "yes" and ("lit side" in row) == (row["light"] in verify.SIDES) for row in report["rows"])
    photos, rendered = report["summary"]
    assert (photos["images"], rendered["images"]) == (4, 4) and rendered["lit side right"] == "4 of 4"


def test_steps_that_hosts_space_otherwise_are_rejected():
    with pytest.raises(RelightError, match="--steps is 25; .* choose 1 to 4 or a multiple of 9"):
        verify.check_steps(25)
    assert [verify.check_steps(steps) for steps in (1, 4, verify.TINY_STEPS, 18)] == [1, 4, verify.TINY_STEPS, 18]
