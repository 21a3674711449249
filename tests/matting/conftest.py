"""Matting with its own folder, counters at zero and no session or matte of an earlier test."""

import numpy as np
import pytest
from PIL import Image
from sd_relight.lib_relight.base import caches
from sd_relight.lib_relight.matting import matting

RAMP = np.linspace(20, 220, 320).round().astype(np.uint8)


@pytest.fixture
def folder(tmp_path, monkeypatch):
    """The folder of the user's *.onnx files; rembg has downloaded nothing."""
    monkeypatch.setenv("U2NET_HOME", str(tmp_path / "u2net"))
    before = dict(matting.settings)
    matting.release()
    caches.counters.clear()
    path = tmp_path / "matting"
    path.mkdir()
    matting.configure(folder=path)
    yield path
    matting.settings.update(before)
    matting.release()


@pytest.fixture
def ramp():
    """320x320, from dark grey on the left to light grey on the right: U2-Net's input size, so that nothing is resized."""
    return Image.fromarray(np.repeat(np.tile(RAMP, (320, 1))[..., None], 3, axis=2))


@pytest.fixture
def ramp_alpha():
    """What a model answers whose output is the mean of its input: the ramp stretched to 0..1."""
    stretched = (RAMP.astype(np.float64) - RAMP.min()) / (float(RAMP.max()) - RAMP.min())
    return np.tile(stretched, (320, 1)).astype(np.float32)
