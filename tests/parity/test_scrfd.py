"""Compares faces with those that insightface 2.1 finds (SCRFD.detect at 640 pixels, SCRFD-2.5G), by numbers in scrfd_faces.json.

Each row of the file: left, top, right, bottom, then x and y of the five points; from the left to the right.
"""

import json

import numpy as np
import pytest
import scrfd_package
from PIL import Image
from sd_relight.lib_ipadapter.encode.scrfd import detect_faces
from sd_relight.lib_relight.models import face_models, inspection
from sd_relight.lib_relight.packages import optional

pytestmark = pytest.mark.skipif(bool(optional.missing("faceid")), reason="onnxruntime is not installed")


@pytest.fixture(scope="module")
def package(repo_root, tmp_path_factory):
    return scrfd_package.unpacked(repo_root, tmp_path_factory.mktemp("scrfd"))


@pytest.fixture(scope="module")
def finder(package):
    return face_models.face_finder([package / "models"], 224, embeds=False)


@pytest.fixture(scope="module")
def reference(repo_root):
    return json.loads((repo_root / "tests/parity/scrfd_faces.json").read_text("utf-8"))


def test_the_published_file_is_a_face_detector(package):
    report = inspection.inspect(package / scrfd_package.DETECTOR)
    assert (report.what, report.fits, report.whole) == ("face detector SCRFD", "FaceID and crop: face", None)


@pytest.mark.parametrize("name, count", [("astronaut.jpg", 1), ("newton.png", 1), ("gauss.png", 1),
                                         ("solvay_conference_1927.jpg", 29)])
def test_boxes_and_points_are_those_of_insightface(package, finder, reference, repo_root, name, count):
    folder = repo_root / "assets" if name == "astronaut.jpg" else package / "images"
    found = sorted(detect_faces(finder.detector, Image.open(folder / name).convert("RGB")), key=lambda face: face.box[0])
    assert len(found) == count
    np.testing.assert_allclose([[*face.box, *face.landmarks.ravel()] for face in found], reference[name], atol=0.5)


def test_the_face_of_the_astronaut(finder, repo_root):
    face = finder.find(Image.open(repo_root / "assets/astronaut.jpg"))
    np.testing.assert_allclose(face.box, (181, 56, 271, 178), atol=2)


def test_a_photo_without_a_face(finder):
    with pytest.raises(ValueError, match="No face was found in `photo`"):
        finder.find(Image.linear_gradient("L"), name="photo")
