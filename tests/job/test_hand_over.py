"""Files in which a result is handed over: PSD layers and precise passes."""

import io

import numpy as np
import pytest
from PIL import Image
from psd_reader import read_layers, unpacked
from sd_relight.lib_iclight.params import IcLightParams
from sd_relight.lib_relight.base.errors import RelightError
from sd_relight.lib_relight.job.hand_over import Result, files
from sd_relight.lib_relight.job.psd import encode_psd, pack_rows


@pytest.fixture
def result(rng):
    """97 x 70, with a shadow and a light of linear values up to 2."""
    y, x = np.mgrid[0:70, 0:97]
    matte = np.clip((20 - np.hypot(x - 40, y - 30)) / 4 + 0.5, 0, 1).astype(np.float32)
    image = Image.fromarray(np.dstack([x * 2, y * 3, 255 - x]).astype(np.uint8))
    image.info["parameters"], image.already_saved_as = "a <vase>\nSteps: 2", "/nowhere/1.png"
    shadow = np.where(y > 50, 90, 0).astype(np.uint8)
    return Result(image, matte, shadow, lambda: np.dstack([x / 48, y / 70, y / 140]).astype(np.float32))


def test_layers(result):
    (added,) = files(IcLightParams(output="psd"), result)
    assert (added.name, added.suffix, added.beside) == ("layers", "psd", "/nowhere/1.png")
    assert b"a &lt;vase&gt;\nSteps: 2" in added.data
    flat, layers = np.asarray(result.image).astype(int), read_layers(added.data)
    assert (np.asarray(Image.open(io.BytesIO(added.data))) == flat).all()
    assert [layer[:3] for layer in layers] == [("background", b"norm", True), ("shadow", b"norm", True), ("subject", b"norm", True),
                                               ("light map", b"sLit", False)]
    below, shadow, subject, light = (layer.pixels.astype(float) for layer in layers)
    for layer in (shadow, subject):
        share = layer[..., 3:] / 255
        below = below * (1 - share) + layer[..., :3] * share
    assert np.abs(below - flat).max() <= 1
    assert (subject[..., 3] == np.round(result.matte * 255)).all() and light[0, 96, 0] == 255


def test_rows_by_packbits(rng):
    plane = np.concatenate([np.full((4, 100), 7), rng.integers(0, 256, (4, 65)), np.zeros((4, 60))], axis=1).astype(np.uint8)
    for width in (1, 64, 65, 128, 225):
        counts, data = pack_rows(plane[:, :width])
        assert sum(np.frombuffer(counts, ">u2")) == len(data)
        assert (unpacked(data, 4 * width).reshape(4, width) == plane[:, :width]).all()


def test_an_image_too_large_for_a_psd():
    with pytest.raises(RelightError, match="`output` psd holds at most 30000 pixels a side, and the image is 30001x1; choose rgba."):
        encode_psd(np.zeros((1, 30001, 3), np.uint8), [])


def test_passes_of_16_bits(result):
    matte, light = files(IcLightParams(output="png16"), result)
    assert (matte.name, light.name) == ("matte 16 bit", "light map 16 bit")
    assert (np.asarray(Image.open(io.BytesIO(matte.data))) == np.round(result.matte * 65535)).all()
    assert light.data[24:26] == b"\x10\x02" and np.asarray(light.image)[0, 90].tolist() == [255, 0, 0]


def test_without_a_matte_and_a_light_there_is_nothing(result):
    bare = Result(result.image, None, None, None)
    assert [files(IcLightParams(**fields), bare) for fields in ({"output": "psd"}, {"output": "rgba"}, {"output": "png16"}, {})] == [[]] * 4
