"""`crop: face` in a job with a real face detector: without one, with a face, without a face, and FaceID without a recogniser."""

import pytest
import scrfd_package
from contract.adapter_files import BASE, FACE, lay_adapters
from contract.client import assert_rejected, difference
from contract.subjects import SCENE
from encoding import encoded
from matting import tiny_onnx
from PIL import Image


@pytest.fixture(scope="module")
def detector(client, repo_root, tmp_path_factory):
    """Where the detector is laid for a test; removed after the module."""
    lay_adapters(client)
    package = scrfd_package.unpacked(repo_root, tmp_path_factory.mktemp("scrfd"))
    path = client.process.folder / ("models/insightface" if client.name == "embedded" else "broken") / "scrfd_2.5g.onnx"
    path.parent.mkdir(parents=True, exist_ok=True)
    yield path, (package / scrfd_package.DETECTOR).read_bytes()
    path.unlink(missing_ok=True)


@pytest.fixture(scope="module")
def astronaut(repo_root):
    return encoded(Image.open(repo_root / "assets/astronaut.jpg"))


def send(client, image, model=BASE, **fields):
    return client.send(relight={"ip_adapter": [{"model": model, "image": image, **fields}]})


def test_crop_face(client, detector, astronaut):
    path, content = detector
    assert_rejected(client, "`crop` is 'face', which needs a face detector, such as det_10g.onnx of insightface's buffalo_l; put it into",
                    lambda: send(client, astronaut, crop="face"))
    path.write_bytes(content)
    centre, face = send(client, astronaut), send(client, astronaut, crop="face")
    assert centre.status == face.status == 200, face.text[:300]
    assert difference(centre, face) > 0
    assert_rejected(client, "No face was found in `image`; use an image in which the face is larger",
                    lambda: send(client, SCENE, crop="face"))
    assert_rejected(client, "FaceID needs the face recogniser w600k_r50.onnx of insightface's buffalo_l, on which it is trained",
                    lambda: send(client, astronaut, FACE))


def test_a_replaced_detector_is_read_anew(client, detector, astronaut):
    path, content = detector
    path.write_bytes(content)
    assert send(client, astronaut, crop="face").status == 200
    path.write_bytes(tiny_onnx.scrfd(320))
    assert_rejected(client, "No face was found in `image`", lambda: send(client, astronaut, crop="face"))
