"""The layers of a finished image composite to it, and each is what its name says."""

import numpy as np
import pytest
from sd_relight.lib_iclight.layers import filled, separate
from sd_relight.lib_iclight.shadow import darken


@pytest.fixture
def matte():
    """64 x 64, a disc with an edge of some pixels."""
    y, x = np.mgrid[0:64, 0:64]
    return np.clip((20 - np.hypot(x - 32, y - 30)) / 4 + 0.5, 0, 1).astype(np.float32)


def composite(background, shadow, subject, matte):
    a, s = (np.round(matte * 255) / 255)[..., None], shadow[..., None] / 255
    return a * subject + (1 - a) * (1 - s) * background


@pytest.mark.parametrize("strength", [0, 160, 255])
def test_they_composite_to_the_image_within_a_level(matte, rng, strength):
    shadow = np.rint(np.linspace(0, strength, 64)[:, None] * np.ones(64)).astype(np.uint8)
    for image in (rng.integers(0, 256, (64, 64, 3), np.uint8), darken(rng.integers(0, 256, (64, 64, 3), np.uint8), shadow)):
        parts = separate(image, matte, shadow)
        assert np.abs(composite(*parts, matte) - image).max() <= 1
        assert (parts[2][matte == 1] == image[matte == 1]).all() and (parts[1] <= shadow).all()


def test_smooth_parts_are_found_again(matte):
    y, x = np.mgrid[0:64, 0:64]
    background, subject = np.dstack([100 + x, 140 + y, 90 + y]), np.dstack([200 - y, 60 + x, 40 + x])
    shadow = np.rint(120 * np.exp(-((y - 50) / 8) ** 2)).astype(np.uint8)
    image = np.rint(composite(background, shadow, subject, matte)).astype(np.uint8)
    found, dark, colors = separate(image, matte, shadow)
    share = matte[..., None]
    assert ((1 - share) * np.abs(found.astype(int) - background)).max() <= 6 and np.abs(dark[matte < 0.5].astype(int) - shadow[matte < 0.5]).max() <= 3
    assert (share * np.abs(colors.astype(int) - subject)).max() <= 6, "on any other background"
    hidden = found[matte == 1].astype(int)
    assert np.abs(hidden - background[matte == 1]).mean() < 12, "the background goes on behind the subject"


def test_a_fill_keeps_what_is_there_and_is_flat_between_equal_colours():
    colors, weight = np.full((9, 14, 3), 0.25), np.ones((9, 14, 1))
    colors[2:6, 3:9], weight[2:6, 3:9] = 0.9, 0
    np.testing.assert_allclose(filled(colors, weight), 0.25, atol=1e-6)
    assert np.ptp(filled(colors, weight * 0)) == 0
