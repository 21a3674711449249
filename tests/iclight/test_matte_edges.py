"""Tests the matte's edge tools against direct definitions."""

import time

import numpy as np
import pytest
from sd_relight.lib_iclight.matte_edges import adjust_matte, widen


def disc_maximum(alpha, radius):
    """The definition, slowly: the largest value within the radius."""
    height, width = alpha.shape
    ys, xs = np.mgrid[:height, :width]
    return np.array([[alpha[(ys - y) ** 2 + (xs - x) ** 2 <= radius * radius].max() for x in range(width)]
                     for y in range(height)], np.float32)


@pytest.mark.parametrize("radius", [0.5, 1, 1.5, 2, 3, 4.9, 7, 40])
def test_growing_is_the_maximum_within_a_disc(rng, radius):
    alpha = rng.random((13, 21)).astype(np.float32) * (rng.random((13, 21)) > 0.8)
    np.testing.assert_array_equal(widen(alpha.astype(np.float32), radius), disc_maximum(alpha.astype(np.float32), radius))


@pytest.mark.parametrize("radius", [1, 3, 6])
def test_shrinking_is_the_minimum_within_a_disc(rng, radius):
    alpha = rng.random((15, 9)).astype(np.float32)
    np.testing.assert_allclose(adjust_matte(alpha, 0, -radius, 0), 1 - disc_maximum(1 - alpha, radius), atol=1e-7)


def test_a_subject_cut_by_the_image_does_not_shrink_from_its_border():
    alpha = np.zeros((20, 20), np.float32)
    alpha[10:] = 1
    shrunk = adjust_matte(alpha, 0, -3, 0)
    assert shrunk[13:].min() == 1 and shrunk[:13].max() == 0


def test_the_threshold_makes_the_matte_hard():
    alpha = np.linspace(0, 1, 11, dtype=np.float32)[None]
    np.testing.assert_array_equal(adjust_matte(alpha, 0.5, 0, 0)[0], [0, 0, 0, 0, 0, 1, 1, 1, 1, 1, 1])


def test_feathering_is_a_gaussian():
    alpha = np.zeros((41, 41), np.float32)
    alpha[:, 20:] = 1
    soft = adjust_matte(alpha, 0, 0, 2)
    offsets = np.arange(-8, 9)
    kernel = np.exp(-0.5 * (offsets / 2) ** 2)
    expected = np.convolve(np.pad(alpha[0], 8, mode="edge"), kernel / kernel.sum(), mode="valid")
    np.testing.assert_allclose(soft[17], expected, atol=1e-5)
    assert soft.min() >= 0 and soft.max() <= 1 and soft.dtype == np.float32


def test_zero_parameters_change_nothing(rng):
    alpha = rng.random((8, 8)).astype(np.float32)
    np.testing.assert_array_equal(adjust_matte(alpha, 0, 0, 0), alpha)


def test_the_order_is_threshold_then_grow_then_feather():
    alpha = np.zeros((30, 30), np.float32)
    alpha[10:20, 10:20], alpha[0, 0] = 1, 0.4
    result = adjust_matte(alpha, 0.5, 2, 1)
    assert result[:4, :4].max() < 1e-6, "the faint corner was cut before it could grow"
    assert 0 < result[14, 7] < 1 and result[14, 9] > 0.9


def test_a_large_radius_costs_seconds_at_most():
    alpha = np.zeros((1024, 1024), np.float32)
    alpha[300:700, 300:700] = 1
    started = time.perf_counter()
    assert adjust_matte(alpha, 0, 64, 0)[500, 237] == 1
    assert time.perf_counter() - started < 20, "squared in the radius it takes minutes"
