"""The photographs of verify: their mattes, and the notes when scikit-image is missing or has another version."""

import json
import sys

import pytest
from PIL import Image
from sd_relight.benchmarks import photographs, verify

LISTED = {photograph.name: photograph for photograph in photographs.listed()}
INSIDE = {"photographer": [(210, 100), (60, 300), (300, 160), (325, 190)], "cup": [(290, 30), (415, 80), (100, 210), (350, 370)],
          "cat": [(200, 20), (30, 280), (340, 150)], "rocket": [(322, 140), (322, 300)],
          "retina": [(700, 20), (20, 700), (1180, 180)]}
OUTSIDE = {"photographer": [(100, 60), (255, 200), (200, 350), (338, 300)], "cup": [(100, 30), (450, 60), (90, 380), (470, 380)],
           "cat": [(22, 50), (385, 120), (360, 280)], "rocket": [(250, 200), (390, 300), (322, 120)],
           "retina": [(100, 100), (1300, 1300), (1250, 140)]}


@pytest.fixture(scope="module")
def mattes():
    return {name: photograph.matte() for name, photograph in LISTED.items()}


@pytest.mark.parametrize("name", LISTED)
def test_a_matte_holds_the_subject_and_little_grey(mattes, name):
    (left, top, right, bottom), matte = LISTED[name].crop, mattes[name]
    assert matte.size == (right - left, bottom - top)
    levels = {wanted: [matte.getpixel((x - left, y - top)) for x, y in points[name]]
              for wanted, points in ((255, INSIDE), (0, OUTSIDE))}
    assert all(set(found) == {wanted} for wanted, found in levels.items()), levels
    counts = matte.histogram()
    assert 0.1 < sum(counts[128:]) / sum(counts) < 0.9 and sum(counts[1:255]) / sum(counts) < 0.08


@pytest.mark.skipif(photographs.folder() is None, reason="the photographs are not there")
def test_the_photographs_of_the_package_are_read():
    cases, notes = photographs.cases(len(LISTED), 256, tiny=True)
    assert notes == [] and [case.name for case in cases] == list(LISTED)
    for case in cases:
        left, top, right, bottom = LISTED[case.name].crop
        with Image.open(photographs.folder() / LISTED[case.name].file) as whole:
            assert 0 <= left < right <= whole.width and 0 <= top < bottom <= whole.height
        assert case.photo.size == case.matte.size == (right - left, bottom - top) and min(case.size) == 256
        assert "clay" in case.prompt and not case.whole
    assert len(photographs.cases(2, 512, tiny=False)[0]) == 2


def test_without_the_package_the_astronaut_is_alone_and_a_note_says_why(repo_root, monkeypatch):
    monkeypatch.setattr(photographs, "folder", lambda: None)
    cases, notes = verify.subjects(repo_root / "models" / "demo", 6, 0)
    assert [case.name for case in cases] == ["astronaut"]
    assert notes == ["The photographs of scikit-image are not there, so the astronaut is the only one; add them with: "
                     f'"{sys.executable}" -m pip install --no-deps --target "{photographs.FOLDER}" scikit-image==0.25.2']
    assert verify.subjects(repo_root / "models" / "demo", 1, 0)[1] == []


def test_a_file_that_is_missing_or_another_picture_is_left_out_with_a_sentence(tmp_path, monkeypatch):
    monkeypatch.setattr(photographs, "folder", lambda: tmp_path)
    Image.new("RGB", (512, 512)).save(tmp_path / "camera.png")
    cases, notes = photographs.cases(2, 64, tiny=True)
    assert cases == [] and len(notes) == 2
    assert notes == ["The photograph camera.png of scikit-image is not the one its matte was drawn for and is left out; "
                     "install scikit-image==0.25.2.",
                     "The photograph coffee.png of scikit-image cannot be read (No such file or directory) and is left out; "
                     "install scikit-image==0.25.2."]


def test_the_summary_counts_lit_sides_of_photographs_and_rendered_objects():
    kept = {"colour error": 0.1, "detail correlation": 0.5}
    rows = [{"subject": subject, "light": light, "contrast": contrast, **kept} for subject, light, contrast in (
        ("cat", "left", 0.3), ("cat", "right", -0.1), ("cup", "top", -0.2), ("cup", "bottom", 0.1), ("rendered object 1", "left", 0.4))]
    rows.append({"subject": "cat", "light": "background", **kept})
    verify.add_signs(rows)
    photos, rendered = verify.summary(rows)
    assert (photos["images"], photos["lit side right"], photos["lit half brighter"]) == (4, "2 of 4", "2 of 4")
    assert (photos["contrast, least"], photos["contrast, largest"], photos["colour error, mean"]) == (-0.2, 0.3, 0.1)
    assert photos["contrast, median"] == pytest.approx(0.0) and json.dumps(photos)
    assert (rendered["subjects"], rendered["lit side right"], rendered["images"]) == ("rendered objects", "0 of 0", 1)
