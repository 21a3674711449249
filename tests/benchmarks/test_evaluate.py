"""dev.py evaluate: its measures on renders whose answer is known, and the loader of published sets."""

import json
from types import SimpleNamespace

import numpy as np
import pytest
from PIL import Image
from sd_relight.benchmarks import evaluate
from sd_relight.benchmarks.examples import from_folder, rendered
from sd_relight.lib_relight.base.errors import RelightError


@pytest.fixture(scope="module")
def examples():
    return list(rendered(1, 64))


def test_the_true_image_has_the_best_figures(examples):
    host = SimpleNamespace(img2img=lambda payload: SimpleNamespace(images=[payload["truth"]]))
    for example in examples:
        found = evaluate.evaluated(host, [example], {"truth": {}}, {"truth": example.truth})
        (best,), (before,) = found["truth"], found["input"]
        assert best["right side"] == 1 and best["light angle error"] < 10 and best["PSNR, dB"] > 90 > before["PSNR, dB"]
        assert best["SSIM"] == pytest.approx(1) and best["edge retention"] == pytest.approx(1) and before["SSIM"] < 0.95
    assert sum(evaluate.measured(example, example.photo)["right side"] for example in examples) == 2, "one side of each axis"


@pytest.mark.same_everywhere
def test_a_run_writes_the_figures_of_every_image(session, tmp_path, monkeypatch, parse):
    monkeypatch.setattr(evaluate, "Session", lambda models, device: session)
    monkeypatch.setattr(evaluate, "native_side", lambda models: 64)
    words = ["--objects", "1", "--steps", "1", "--seed", "3", "--out", str(tmp_path / "a.md"), "--json", str(tmp_path / "a.json")]
    assert evaluate.run(parse("evaluate", *words)) == 0
    text, found = (tmp_path / "a.md").read_text(), json.loads((tmp_path / "a.json").read_text())
    assert (found["steps"], found["seed"]) == (1, 3) and list(found["figures"]) == ["input", *evaluate.VARIANTS]
    assert all(len(rows) == 4 and set(evaluate.FIGURES) <= set(row) for rows in found["figures"].values() for row in rows)
    assert all(f"| {name} |" in text for name in found["figures"]) and "4 examples, 64 px, 1 steps, seed 3" in text


def test_objects_beside_examples_are_rejected(parse, tmp_path):
    with pytest.raises(RelightError, match="--objects is 2, but with --examples no object is rendered"):
        evaluate.run(parse("evaluate", "--examples", str(tmp_path), "--objects", "2"))


def test_a_variant_is_added_to_the_asked_light(examples):
    job = evaluate.payload(examples[0], evaluate.VARIANTS["detail"], {"steps": 3})
    request = job["alwayson_scripts"]["Relight"]["args"][0]
    assert request["iclight"]["light"] == "right" and request["iclight"]["detail"] == 1.0 and job["steps"] == 3
    assert "| a | 1 |" in evaluate.table({"a": [{"right side": 1.0}]})


def test_a_folder_of_examples(tmp_path):
    place = tmp_path / "vase"
    place.mkdir()
    (place / "light.json").write_text(json.dumps({"iclight": {"light": "top"}, "prompt": "a vase"}))
    Image.new("RGB", (80, 60), (90, 80, 70)).save(place / "input.png")
    with pytest.raises(RelightError, match="has no truth image; add truth.png"):
        list(from_folder(tmp_path, (64, 64)))
    Image.new("RGB", (80, 60)).save(place / "truth.jpg")
    Image.new("RGB", (80, 60), (128, 128, 255)).save(place / "normal.png")
    (found,) = from_folder(tmp_path, (64, 64))
    assert (found.name, found.prompt, found.angle, found.photo.size) == ("vase", "a vase", 90.0, (64, 64))
    assert found.matte.getextrema() == (255, 255) and np.allclose(found.normal[0, 0], (0, 0, 1), atol=0.01)


def test_errors_of_a_folder_are_one_sentence(tmp_path):
    with pytest.raises(RelightError, match="no sub-folder has a light.json; give each example one"):
        list(from_folder(tmp_path, (64, 64)))
    (tmp_path / "a").mkdir()
    (tmp_path / "a" / "light.json").write_text("[]")
    with pytest.raises(RelightError, match="has no object `iclight`; write for example"):
        list(from_folder(tmp_path, (64, 64)))
