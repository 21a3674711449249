"""Tests the post-processing: detail, colour hold and background."""

import numpy as np
import pytest
from sd_relight.lib_iclight.detail import from_lab, gaussian_blur, hold_color, keep_background, restore_detail, to_lab


@pytest.fixture
def pair(rng):
    return rng.integers(40, 200, (32, 48, 3), np.uint8), rng.integers(40, 200, (32, 48, 3), np.uint8)


def naive_blur(plane, sigma):
    """Gaussian by the definition, on the whole infinite kernel inside the image's repeated edges."""
    radius = int(np.ceil(4 * sigma))
    kernel = np.exp(-0.5 * (np.arange(-radius, radius + 1) / sigma) ** 2)
    kernel /= kernel.sum()
    padded = np.pad(plane.astype(np.float64), radius, "edge")
    rows = sum(k * padded[:, i:i + plane.shape[1]] for i, k in enumerate(kernel))
    return sum(k * rows[i:i + plane.shape[0]] for i, k in enumerate(kernel))


@pytest.mark.parametrize("sigma", [0.1, 0.8, 3.0, 7.5])
def test_blur_equals_the_definition(sigma, rng):
    image = rng.random((20, 26, 3), np.float32)
    expected = np.stack([naive_blur(image[..., c], sigma) for c in range(3)], axis=-1)
    np.testing.assert_allclose(gaussian_blur(image, sigma), expected, atol=2e-6)
    np.testing.assert_allclose(gaussian_blur(image[..., 0], sigma), expected[..., 0], atol=2e-6)


def test_restore_detail_is_the_difference_of_gaussians(pair):
    relit, original = pair
    blur = [np.stack([naive_blur(image[..., c], 2.0) for c in range(3)], axis=-1) for image in pair]
    expected = (original + blur[0] - blur[1]).clip(0, 255)
    assert np.abs(restore_detail(relit, original, None, 2.0, 1.0) - expected).max() <= 0.51


def test_restore_detail_ends(pair):
    relit, original = pair
    np.testing.assert_array_equal(restore_detail(relit, original, None, 3.0, 0.0), relit)
    np.testing.assert_array_equal(restore_detail(relit, relit, None, 3.0, 1.0), relit)
    np.testing.assert_array_equal(restore_detail(relit, original, np.zeros((32, 48), np.float32), 3.0, 1.0), relit)


def test_restore_detail_changes_the_subject_only_and_ignores_the_old_background(pair):
    relit, original = pair
    alpha = np.zeros((32, 48), np.float32)
    alpha[:, :24] = 1
    restored = restore_detail(relit, original, alpha, 3.0, 1.0)
    np.testing.assert_array_equal(restored[:, 24:], relit[:, 24:])
    assert np.abs(restored[:, :24].astype(int) - relit[:, :24]).mean() > 5
    other = original.copy()
    other[:, 24:] = 255
    np.testing.assert_array_equal(restore_detail(relit, other, alpha, 3.0, 1.0), restored)


def test_restore_detail_keeps_an_even_change_of_light_up_to_the_rim(pair):
    """Only the level differs inside the matte: there is no detail to bring back, not even next to the matte's edge."""
    relit = pair[0]
    alpha = np.zeros((32, 48), np.float32)
    alpha[8:24, 10:30] = 1
    original = relit.copy()
    original[8:24, 10:30] += 50
    np.testing.assert_array_equal(restore_detail(relit, original, alpha, 3.0, 1.0), relit)


def test_restore_detail_amount_is_linear(pair):
    relit, original = pair
    full = restore_detail(relit, original, None, 3.0, 1.0).astype(float)
    half = restore_detail(relit, original, None, 3.0, 0.5).astype(float)
    inside = (full > 0) & (full < 255)
    assert np.abs(half - (relit + full) / 2)[inside].max() <= 1


def test_restore_detail_keeps_the_new_light():
    """A shift of the whole brightness is low frequency: it must survive."""
    original = np.full((40, 40, 3), 90, np.uint8)
    original[20, 20] = 140
    relit = np.full((40, 40, 3), 160, np.uint8)
    restored = restore_detail(relit, original, None, 3.0, 1.0)
    assert restored[0, 0].tolist() == [160] * 3 and 205 <= restored[20, 20, 0] <= 210


def test_lab_of_known_colours():
    """Reference values of CIE Lab, D65 (Bruce Lindbloom's calculator)."""
    colours = np.array([[[255, 255, 255], [0, 0, 0], [255, 0, 0], [0, 255, 0], [0, 0, 255], [119, 119, 119]]], np.uint8)
    expected = [[100, 0, 0], [0, 0, 0], [53.24, 80.09, 67.20], [87.73, -86.18, 83.18], [32.30, 79.19, -107.86],
                [50.03, 0, 0]]
    np.testing.assert_allclose(to_lab(colours)[0], expected, atol=0.03)


def test_lab_round_trip_of_every_grey_and_many_colours(rng):
    image = np.concatenate([rng.integers(0, 256, (256, 64, 3), np.uint8),
                            np.repeat(np.arange(256, dtype=np.uint8)[:, None, None], 3, axis=2)], axis=1)
    np.testing.assert_array_equal(from_lab(to_lab(image)), image)


def test_hold_color_ends(pair):
    relit, original = pair
    np.testing.assert_array_equal(hold_color(relit, original, None, 0.0), relit)
    np.testing.assert_array_equal(hold_color(relit, relit, None, 1.0), relit)
    np.testing.assert_array_equal(hold_color(relit, original, np.zeros((32, 48), np.float32), 1.0), relit)


def test_hold_color_keeps_lightness_and_hue(pair):
    relit, original = pair
    held = to_lab(hold_color(relit, original, None, 1.0))
    new, old = to_lab(relit), to_lab(original)
    np.testing.assert_allclose(held[..., 0], new[..., 0], atol=0.6)
    strong = (np.hypot(old[..., 1], old[..., 2]) > 20) & (np.hypot(held[..., 1], held[..., 2]) > 20)
    assert strong.sum() > 300
    hue = np.arctan2(held[..., 2], held[..., 1]) - np.arctan2(old[..., 2], old[..., 1])
    assert np.median(np.abs(np.degrees((hue[strong] + np.pi) % (2 * np.pi) - np.pi))) < 1.5


def test_hold_color_gives_back_an_image_whose_light_only_dimmed(rng):
    original = rng.integers(90, 256, (16, 16, 3), np.uint8)
    linear = np.where(original / 255 <= 0.04045, original / 255 / 12.92, ((original / 255 + 0.055) / 1.055) ** 2.4) * 0.5
    dimmed = np.rint((1.055 * linear ** (1 / 2.4) - 0.055) * 255).astype(np.uint8)
    tinted = dimmed.copy()
    tinted[..., 2] = (tinted[..., 2] * 0.6).astype(np.uint8)
    same = hold_color(dimmed, original, None, 1.0)
    assert np.abs(same.astype(int) - dimmed).max() <= 1
    assert np.abs(tinted.astype(int) - dimmed).mean() > 10 > np.abs(
        hold_color(tinted, original, None, 1.0).astype(int) - dimmed).mean()


def test_grey_stays_grey_under_coloured_light():
    held = hold_color(np.full((2, 2, 3), (220, 120, 60), np.uint8), np.full((2, 2, 3), 127, np.uint8), None, 1.0)
    assert (np.ptp(held.astype(int), axis=-1) <= 1).all()


def test_keep_background(pair, rng):
    relit, original = pair
    alpha = rng.random((32, 48), np.float32)
    alpha[:4], alpha[4:8] = 0, 1
    kept = keep_background(relit, original, alpha)
    np.testing.assert_array_equal(kept[:4], original[:4])
    np.testing.assert_array_equal(kept[4:8], relit[4:8])
    expected = relit * alpha[..., None].astype(float) + original * (1.0 - alpha[..., None])
    assert np.abs(kept - expected).max() <= 0.501
    np.testing.assert_array_equal(keep_background(relit, original, None), relit)
