"""Previews of the inputs of ArcFace and the CLIP encoder for units with faces."""

from types import SimpleNamespace

import numpy as np
import pytest
from decoding import decoded
from ipadapter.fake_faces import Detector, Recogniser, make_image
from sd_relight.lib_ipadapter.encode import faces, preprocess
from sd_relight.lib_ipadapter.encode.faces import FaceFinder
from sd_relight.lib_ipadapter.params import IpAdapterParams
from sd_relight.lib_relight.base.progress import SILENT, Progress, Stopped
from sd_relight.lib_relight.models import face_models
from sd_relight.lib_relight.request.ip_adapter_unit import IpUnit
from sd_relight.lib_relight.web import encoder_preview

IMAGE = make_image()
SMALL, LARGE = (120, 240, 40, 0.9), (420, 240, 80, 0.9)


@pytest.fixture
def seen(monkeypatch):
    """seen(face="normed", encoder=224, **params) -> {name: image} of a unit with one image of two faces."""
    def views(face="", encoder=224, progress=SILENT, embedding=None, **params):
        recogniser = Recogniser()
        variant = SimpleNamespace(face=face, base="sd15")
        info = encoder and SimpleNamespace(image_size=encoder, name="CLIP ViT-H")
        monkeypatch.setattr(encoder_preview.ip_adapter_files, "resolve", lambda model, folders: model)
        monkeypatch.setattr(encoder_preview, "inspect_adapter", lambda path, family: variant)
        monkeypatch.setattr(encoder_preview.ip_adapter_files, "encoder_for", lambda variant, folders: info)
        monkeypatch.setattr(face_models, "face_finder",
                            lambda folders, size, embeds: FaceFinder(Detector([SMALL, LARGE], IMAGE.size), recogniser, size))
        unit = IpUnit(IpAdapterParams(model="faceid", **params), (decoded(IMAGE),), embedding=embedding)
        named, name = encoder_preview.views(unit, lambda kind: [], progress)
        return dict(named), name, recogniser

    return views


def test_faceid_shows_the_112_pixels_that_arcface_saw(seen):
    named, name, recogniser = seen(face="normed", encoder=None)
    assert list(named) == ["face 1"] and name is None
    shown = np.asarray(named["face 1"]).transpose(2, 0, 1).astype(np.float32)
    assert shown.shape == (3, 112, 112)
    np.testing.assert_allclose((shown - 127.5) / 127.5, recogniser.seen[0], atol=1e-6)


def test_faceid_plus_shows_the_aligned_face_that_clip_sees_as_well(seen):
    named, name, _ = seen(face="normed")
    assert list(named) == ["face 1", "picture 1"] and name == "CLIP ViT-H"
    face = FaceFinder(Detector([SMALL, LARGE], IMAGE.size), Recogniser(), 224).find(IMAGE)
    np.testing.assert_array_equal(np.asarray(named["picture 1"]), np.asarray(face.aligned))


def test_the_chosen_face_is_shown(seen):
    left, large = seen(face="raw", encoder=None, face_index=0)[0], seen(face="raw", encoder=None)[0]
    assert np.asarray(left["face 1"]).mean() < np.asarray(large["face 1"]).mean() - 20


def test_crop_face_is_a_square_round_the_face(seen):
    named, _, _ = seen(crop="face")
    box = FaceFinder(Detector([SMALL, LARGE], IMAGE.size), Recogniser()).find(IMAGE).box
    expected = preprocess.square(IMAGE, "face", 224, (), box)
    np.testing.assert_array_equal(np.asarray(named["picture 1"]), np.asarray(expected))


def test_an_embedding_needs_no_face_in_the_image(seen):
    named, _, recogniser = seen(face="normed", embedding=((1.0,) * 512,))
    assert list(named) == ["picture 1"] and not hasattr(recogniser, "seen")
    assert faces.FACE_WIDTH == 512


def test_a_cancelled_preview_ends_before_the_next_image(seen):
    with pytest.raises(Stopped):
        seen(face="normed", progress=Progress(is_stopped=lambda: True))
