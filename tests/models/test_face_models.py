"""Face detectors and recognisers are found by content; a wrong, damaged or replaced file has one sentence."""

import hashlib
from dataclasses import replace

import numpy as np
import pytest
from matting import tiny_onnx
from PIL import Image
from sd_relight.lib_relight.base.caches import counters
from sd_relight.lib_relight.base.errors import RelightError
from sd_relight.lib_relight.base.known_files import known_files
from sd_relight.lib_relight.models import face_models
from sd_relight.lib_relight.models.onnx_header import read_onnx_header
from sd_relight.lib_relight.packages import optional

needs_onnxruntime = pytest.mark.skipif(bool(optional.missing("faceid")), reason="onnxruntime is not installed")
GREY = Image.new("RGB", (100, 80), "grey")


@pytest.fixture
def published(monkeypatch):
    """published(content): this content counts as the published recogniser."""
    def publish(content):
        known = known_files()["w600k_r50"]
        table = {"w600k_r50": replace(known, size=len(content), sha256=hashlib.sha256(content).hexdigest())}
        monkeypatch.setattr(face_models, "known_files", lambda: table)

    return publish


def find(folder, **options):
    return face_models.face_finder([folder], 224, **options)


@pytest.mark.parametrize("side, shape", [(640, (1, 3, 640, 640)), (320, (1, 3, 320, 320)), ("side", (1, 3, None, None))])
def test_a_detector_is_recognised_by_its_nine_outputs(tmp_path, side, shape):
    path = tmp_path / "any name.onnx"
    path.write_bytes(tiny_onnx.scrfd(side))
    header = read_onnx_header(path)
    assert header.inputs == (shape,) and len(header.outputs) == 9
    assert face_models.kind_of(header) == face_models.DETECTOR
    path.write_bytes(tiny_onnx.scrfd(side, landmarks=False))
    assert face_models.kind_of(read_onnx_header(path)) == ""


def test_det_10g_is_preferred_then_the_largest(tmp_path):
    (tmp_path / "a.onnx").write_bytes(tiny_onnx.scrfd(640))
    (tmp_path / "b.onnx").write_bytes(tiny_onnx.scrfd(640) + tiny_onnx.block(6, "a longer text"))
    assert face_models.detector_file([tmp_path], embeds=True).name == "b.onnx"
    (tmp_path / "det_10g.onnx").write_bytes(tiny_onnx.scrfd(640))
    assert face_models.detector_file([tmp_path], embeds=True).name == "det_10g.onnx"


@needs_onnxruntime
@pytest.mark.parametrize("side", [640, 320, 128, "side"])
def test_a_photo_without_a_face_has_a_sentence_at_every_input_size(tmp_path, side):
    (tmp_path / "d.onnx").write_bytes(tiny_onnx.scrfd(side))
    with pytest.raises(ValueError, match="No face was found in `image`; use an image in which the face is larger than 40 pixels"):
        find(tmp_path, embeds=False).find(GREY)


@needs_onnxruntime
def test_a_replaced_file_is_opened_anew(tmp_path):
    path = tmp_path / "d.onnx"
    path.write_bytes(tiny_onnx.scrfd(320))
    opened = counters["face_sessions"]
    find(tmp_path, embeds=False)
    find(tmp_path, embeds=False)
    assert counters["face_sessions"] == opened + 1
    path.write_bytes(tiny_onnx.scrfd(640))
    assert find(tmp_path, embeds=False).detector.get_inputs()[0].shape == [1, 3, 640, 640]


@needs_onnxruntime
def test_the_published_recogniser_is_taken_under_any_name(tmp_path, published):
    (tmp_path / "d.onnx").write_bytes(tiny_onnx.scrfd(320))
    (tmp_path / "other.onnx").write_bytes(tiny_onnx.arcface("Add"))
    (tmp_path / "r.onnx").write_bytes(tiny_onnx.arcface("Sub"))
    published((tmp_path / "r.onnx").read_bytes())
    finder = find(tmp_path)
    assert finder.recogniser.path.name == "r.onnx"
    assert finder.recogniser.inner.get_session_options().enable_cpu_mem_arena is False


def sentence(folder, **options):
    with pytest.raises(RelightError) as caught:
        find(folder, **options)
    return caught.value.detail


def test_sentences_for_missing_other_and_damaged_files(tmp_path):
    detector, recogniser = tmp_path / "det_10g.onnx", tmp_path / "w600k_r50.onnx"
    assert sentence(tmp_path) == ("FaceID needs a face detector, such as det_10g.onnx of insightface's buffalo_l; put it into "
                                  f"{tmp_path}, or give the face's `embedding`.")
    assert sentence(tmp_path, embeds=False) == ("`crop` is 'face', which needs a face detector, such as det_10g.onnx of insightface's "
                                                f"buffalo_l; put it into {tmp_path}, or choose another crop.")
    detector.write_bytes(tiny_onnx.scrfd(640)[:-50])
    assert sentence(tmp_path) == f"{detector} is damaged ({detector.stat().st_size:,} bytes); download it again."
    detector.write_bytes(tiny_onnx.scrfd(640))
    assert sentence(tmp_path) == ("FaceID needs the face recogniser w600k_r50.onnx of insightface's buffalo_l, on which it is trained; "
                                  f"put it into {tmp_path}, or give the face's `embedding`.")
    recogniser.write_bytes(tiny_onnx.arcface("Add"))
    assert sentence(tmp_path) == (f"{recogniser} is a face recogniser, but not w600k_r50 of insightface's buffalo_l, on whose embeddings "
                                  f"FaceID is trained; put w600k_r50.onnx into {tmp_path}, or give the face's `embedding`.")


@needs_onnxruntime
def test_errors_of_onnxruntime_become_sentences(tmp_path):
    path = tmp_path / "d.onnx"
    path.write_bytes(tiny_onnx.scrfd(320, kind="NoSuchOperator"))
    with pytest.raises(RelightError, match=r"d.onnx is no readable ONNX model \(\w+\); download it again"):
        find(tmp_path, embeds=False)
    path.write_bytes(tiny_onnx.scrfd(320))
    detector = find(tmp_path, embeds=False).detector
    with pytest.raises(RelightError, match=r"d.onnx could not be run on an input of \[1, 3, 64, 64\] \(InvalidArgument\)"):
        detector.run(None, {"x": np.zeros((1, 3, 64, 64), np.float32)})
