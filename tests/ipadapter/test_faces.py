"""Tests face detection, alignment and embedding with fake ONNX sessions."""

import numpy as np
import pytest
import torch
from ipadapter.fake_faces import Detector, Recogniser, make_image
from PIL import Image
from sd_relight.lib_ipadapter.encode import faces, scrfd
from sd_relight.lib_ipadapter.errors import IpAdapterError


def test_decoding_gives_box_and_landmarks():
    (found,) = scrfd.detect_faces(Detector([(320, 240, 56, 0.9)], (640, 480)), make_image())
    assert found.score == pytest.approx(0.9)
    assert found.box == pytest.approx((264, 184, 376, 296), abs=1e-3)
    np.testing.assert_allclose(found.landmarks, faces.TEMPLATE + [264, 184], atol=1e-3)


def test_coordinates_are_those_of_the_whole_image():
    (found,) = scrfd.detect_faces(Detector([(1000, 800, 120, 0.9)], (1920, 1440)), make_image((1920, 1440)))
    assert found.box == pytest.approx((880, 680, 1120, 920), abs=1e-2)


def test_weak_answers_and_doubles_are_dropped():
    detector = Detector([(100, 100, 50, 0.4), (300, 200, 50, 0.8), (305, 203, 50, 0.7), (500, 300, 40, 0.6)], (640, 480))
    found = scrfd.detect_faces(detector, make_image())
    assert [round(f.score, 3) for f in found] == [0.8, 0.6]


def test_a_fixed_input_gets_the_image_at_each_size():
    detector = Detector([(150, 100, 40, 0.9)], (320, 240), shape=[1, 3, 320, 320])
    assert scrfd.detection_sizes(detector) == (320, 256)
    (found,) = scrfd.detect_faces(detector, make_image((320, 240)), 320)
    assert found.box == pytest.approx((110, 60, 190, 140), abs=1e-3)
    assert scrfd.detect_faces(detector, make_image((320, 240)), 160)[0].box == pytest.approx((220, 120, 380, 280), abs=1e-3)
    assert detector.calls == [320, 320]


def test_outputs_in_any_order_and_of_another_model():
    detector = Detector([(320, 240, 56, 0.9)], (640, 480))
    outputs = detector.run(None, {"input.1": np.zeros((1, 3, 640, 640), np.float32)})
    for given, reversed_ in zip(scrfd.decode(outputs, 640, 640, 0.5), scrfd.decode(outputs[::-1], 640, 640, 0.5)):
        np.testing.assert_array_equal(given, reversed_)
        assert len(given) == 2
    with pytest.raises(IpAdapterError) as caught:
        scrfd.decode(outputs[:6], 640, 640, 0.5)
    assert str(caught.value) == (
        "The face detector answers with 6 outputs ([12800, 1], [3200, 1], [800, 1], [12800, 4], [3200, 4], [800, 4]), but SCRFD with "
        "landmarks has 9; use det_10g.onnx of insightface's buffalo_l.")


def test_suppression_by_overlap():
    boxes = np.array([[0, 0, 10, 10], [0, 0, 10, 9], [5, 0, 15, 10], [20, 20, 30, 30]], float)
    assert scrfd.suppress(np.array([0.9, 0.95, 0.8, 0.5]), boxes, 0.4) == [1, 2, 3]


@pytest.mark.parametrize("angle", [0.0, 0.4, -2.0])
def test_umeyama_recovers_a_similarity(angle):
    source = np.random.default_rng(1).normal(size=(5, 2)) * 20
    matrix = 1.7 * np.array([[np.cos(angle), -np.sin(angle)], [np.sin(angle), np.cos(angle)]])
    got = faces.umeyama(source, source @ matrix.T + [3, -8])
    np.testing.assert_allclose(got, np.hstack([matrix, [[3], [-8]]]), atol=1e-9)


def test_umeyama_never_mirrors():
    source = faces.TEMPLATE
    got = faces.umeyama(source, source * [-1, 1])
    assert np.linalg.det(got[:, :2]) > 0


def test_templates():
    np.testing.assert_allclose(faces.template(224), 2 * faces.TEMPLATE)
    np.testing.assert_allclose(faces.template(256), 2 * faces.TEMPLATE + [16, 0])


def test_alignment_of_an_upright_face_is_a_crop():
    image = make_image()
    aligned = faces.align(image, faces.TEMPLATE + [100, 50])
    difference = np.asarray(aligned).astype(int) - np.asarray(image.crop((100, 50, 212, 162))).astype(int)
    assert np.abs(difference).max() <= 1


def test_alignment_turns_a_lying_face_upright():
    image = make_image((300, 300))
    upright = faces.TEMPLATE + [90, 90]
    turned = np.stack([upright[:, 1], 299 - upright[:, 0]], -1)
    lying = image.transpose(Image.ROTATE_90)
    a, b = (np.asarray(faces.align(i, p)).astype(int) for i, p in ((image, upright), (lying, turned)))
    assert np.abs(a - b).max() <= 2


def test_embedding_input_is_rgb_between_minus_one_and_one():
    recogniser = Recogniser()
    red = Image.new("RGB", (112, 112), (255, 0, 0))
    assert faces.embed_face(recogniser, red).shape == (512,)
    assert recogniser.seen.shape == (1, 3, 112, 112)
    np.testing.assert_allclose(recogniser.seen[0, :, 0, 0], [1, -1, -1])


def finder(found, size=(640, 480), **rest):
    return faces.FaceFinder(Detector(found, size, **rest), Recogniser())


def test_largest_face_or_counted_from_the_left():
    three = [(400, 200, 40, 0.9), (150, 200, 60, 0.8), (560, 300, 50, 0.95)]
    boxes = [finder(three).find(make_image(), index).box[0] for index in (-1, 0, 1, 2)]
    assert boxes == pytest.approx([90, 90, 360, 510], abs=0.1)


def test_a_face_has_embedding_and_aligned_image():
    face = finder([(320, 240, 60, 0.9)]).find(make_image())
    assert face.aligned.size == (224, 224)
    assert float(face.normed.norm()) == pytest.approx(1.0)
    assert face.raw[1] > face.raw[0]


def test_smaller_detection_sizes_are_tried():
    detector = Detector([(320, 240, 56, 0.9)], (640, 480), visible=(448,))
    face = faces.FaceFinder(detector, Recogniser()).find(make_image())
    assert detector.calls == [640, 576, 512, 448]
    assert face.box == pytest.approx((264, 184, 376, 296), abs=0.1)


def test_a_face_that_fills_the_frame_is_found_with_a_border():
    detector = Detector([(200, 200, 180, 0.9)], (400, 400), border=True)
    face = faces.FaceFinder(detector, Recogniser()).find(make_image((400, 400)))
    assert detector.calls == [640, 576, 512, 448, 384, 320, 256, 640]
    assert face.box == pytest.approx((20, 20, 380, 380), abs=0.5)


def test_validation_errors():
    with pytest.raises(IpAdapterError) as caught:
        finder([]).find(make_image(), name="portrait.png")
    assert str(caught.value) == ("No face was found in `portrait.png`; use an image in which the face is larger than 40 pixels and "
                                 "seen from the front.")
    with pytest.raises(IpAdapterError) as caught:
        finder([(320, 240, 60, 0.9)]).find(make_image(), 3)
    assert str(caught.value) == "`face_index` is 3, but `image` shows 1 face; use 0 to 0, or -1 for the largest."


def test_embedding_given():
    face = faces.face_from_embedding([3.0, 4.0] + [0.0] * 510)
    assert face.normed[:2].tolist() == pytest.approx([0.6, 0.8])
    for bad, sentence in (([1.0] * 4, "`embedding` has 4 numbers; give the 512 finite numbers of ArcFace, not all of them 0."),
                          ([0.0] * 512, "`embedding` has 512 numbers; give the 512 finite numbers of ArcFace, not all of them 0."),
                          ("abc", "`embedding` is no list of numbers; give the 512 numbers of ArcFace.")):
        with pytest.raises(IpAdapterError) as caught:
            faces.face_from_embedding(bad)
        assert str(caught.value) == sentence
    assert faces.face_from_embedding(torch.ones(1, 512)).raw.shape == (512,)
