"""Tests the grey composite, resizing and reinforcement of the foreground."""

import numpy as np
import pytest
from PIL import Image
from sd_relight.lib_iclight.errors import IcLightError
from sd_relight.lib_iclight.foreground import fit, grey_composite, reinforce


@pytest.fixture
def image(rng):
    return rng.integers(0, 256, (37, 53, 3), np.uint8)


@pytest.fixture
def matte(rng):
    return rng.random((37, 53), np.float32)


def test_grey_composite_equals_the_original_formula(image, matte):
    expected = 127 + (image.astype(np.float32) - 127 + 0) * matte[:, :, None]  # run_rmbg, sigma 0
    expected = expected.clip(0, 255).astype(np.uint8)
    np.testing.assert_array_equal(grey_composite(image, matte), expected)


def test_grey_composite_ends(image):
    none, full = np.zeros((37, 53), np.float32), np.ones((37, 53), np.float32)
    assert (grey_composite(image, none) == 127).all()
    np.testing.assert_array_equal(grey_composite(image, full), image)
    np.testing.assert_array_equal(grey_composite(image, None), image)
    assert grey_composite(image, None) is not image


def original_crop(image, target_width, target_height):
    """resize_and_center_crop of reference/iclight.md 2.5, written out."""
    pil = Image.fromarray(image)
    scale = max(target_width / pil.width, target_height / pil.height)
    width, height = int(round(pil.width * scale)), int(round(pil.height * scale))  # noqa: RUF046
    resized = pil.resize((width, height), Image.LANCZOS)
    box = ((width - target_width) / 2, (height - target_height) / 2, (width + target_width) / 2, (height + target_height) / 2)
    return np.array(resized.crop(box))


@pytest.mark.parametrize("source", [(53, 37), (37, 53), (640, 480), (511, 513), (512, 640), (96, 97)])
@pytest.mark.parametrize("target", [(64, 64), (512, 640), (128, 72), (40, 200)])
def test_cover_equals_the_original(source, target, rng):
    image = rng.integers(0, 256, (source[1], source[0], 3), np.uint8)
    np.testing.assert_array_equal(fit(image, *target), original_crop(image, *target))


@pytest.mark.parametrize("mode", ["cover", "stretch", "contain"])
@pytest.mark.parametrize("target", [(53, 37), (51, 33), (513, 77), (7, 90), (1, 1)])
def test_fit_has_the_requested_size_for_any_parity(mode, target, image, matte):
    assert fit(image, *target, mode).shape == (target[1], target[0], 3)
    fitted = fit(matte, *target, mode)
    assert fitted.shape == (target[1], target[0]) and fitted.dtype == np.float32


@pytest.mark.parametrize("mode", ["cover", "stretch", "contain"])
def test_fit_to_the_own_size_changes_nothing(mode, image, matte):
    np.testing.assert_array_equal(fit(image, 53, 37, mode), image)
    np.testing.assert_array_equal(fit(matte, 53, 37, mode), matte)


def test_cover_keeps_the_middle_and_contain_keeps_all():
    image = np.zeros((10, 30, 3), np.uint8)
    image[:, :10], image[:, 10:20], image[:, 20:] = 10, 200, 90
    assert (fit(image, 10, 10) == 200).all()
    inside = fit(image, 30, 30, "contain")
    np.testing.assert_array_equal(inside[10:20], image)
    assert (inside[:10] == 127).all() and (inside[20:] == 127).all()
    edge = fit(np.ones((10, 30), np.float32), 30, 30, "contain")
    assert (edge[10:20] == 1).all() and edge[:10].max() == 0 and edge[20:].max() == 0


def test_stretch_keeps_the_borders_in_place():
    image = np.zeros((8, 8, 3), np.uint8)
    image[:, 4:] = 255
    wide = fit(image, 64, 8, "stretch")
    assert wide[:, :24].max() <= 20 and wide[:, 40:].min() >= 235


def test_a_float_matte_is_not_rounded_to_eight_bits_and_stays_in_range():
    soft = np.full((16, 16), 0.5003, np.float32)
    np.testing.assert_allclose(fit(soft, 64, 64), 0.5003, atol=1e-6)
    hard = np.zeros((16, 16), np.float32)
    hard[:, 8:] = 1
    overshoot = np.array(Image.fromarray(hard).resize((64, 64), Image.LANCZOS))
    assert overshoot.max() > 1.01 and overshoot.min() < -0.01, "else this test could not fail"
    fitted = fit(hard, 64, 64)
    assert fitted.max() == 1 and fitted.min() == 0


def test_an_extreme_shape_does_not_need_extreme_memory(rng, monkeypatch):
    strip = rng.integers(0, 256, (2, 6000, 3), np.uint8)
    resize, sizes = Image.Image.resize, []
    monkeypatch.setattr(Image.Image, "resize", lambda self, size, *args, **kw: (sizes.append(size),
                                                                               resize(self, size, *args, **kw))[1])
    fitted = fit(strip, 512, 512)
    assert sizes == [(512, 512)], "the whole strip would be 1,536,000 pixels wide"
    monkeypatch.undo()
    assert fitted.shape == (512, 512, 3)
    near = original_crop(strip[:, 2990:3010], 512, 512)
    assert np.abs(fitted[:, 200:300].astype(int) - near[:, 200:300]).max() <= 2


def test_unknown_fit_mode():
    with pytest.raises(IcLightError, match="Resize mode 'zoom' is unknown; choose one of cover, stretch, contain"):
        fit(np.zeros((4, 4, 3), np.uint8), 4, 4, "zoom")


def test_reinforce_formula(image, matte, rng):
    light = rng.integers(0, 256, image.shape, np.uint8)
    weight = matte[..., None].astype(np.float64) * 0.6
    expected = light * (1 - weight) + image * weight
    assert np.abs(reinforce(light, image, matte, 0.6) - expected).max() <= 0.5 + 1e-3


def test_reinforce_ends(image, matte, rng):
    light = rng.integers(0, 256, image.shape, np.uint8)
    np.testing.assert_array_equal(reinforce(light, image, matte, 0.0), light)
    np.testing.assert_array_equal(reinforce(light, image, np.zeros_like(matte), 1.0), light)
    np.testing.assert_array_equal(reinforce(light, image, None, 1.0), image)
    np.testing.assert_array_equal(reinforce(light, image, np.ones_like(matte), 1.0), image)


def test_reinforce_uses_the_matte_and_not_the_colour_grey():
    grey, light = np.full((6, 6, 3), 127, np.uint8), np.full((6, 6, 3), 250, np.uint8)
    np.testing.assert_array_equal(reinforce(light, grey, np.ones((6, 6), np.float32), 1.0), grey)
