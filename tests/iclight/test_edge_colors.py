"""A cut-out of a rendered object shows no rim on any background."""

import numpy as np
from sd_relight.lib_iclight import edge_colors
from sd_relight.lib_iclight.edge_colors import box_mean, foreground_colors, plane_fit
from sd_relight.training.rendering import held_out_scenes, soft_edged, to_uint8

RIM = 4
"""Levels of 255 that a pixel of a cut-out may differ from the ideal composite."""


def rim_of(cut_out, alpha, subject):
    """The largest difference to the ideal composite on three backgrounds, in levels. alpha: as it is saved; subject: times its matte."""
    worst, saved = 0, np.round(alpha * 255)[..., None] / 255
    for color in ((0, 0, 0), (255, 255, 255), (30, 200, 60)):
        ideal = subject + (1 - alpha[..., None]) * np.float32(color)
        made = cut_out * saved + (1 - saved) * np.float32(color)
        worst = max(worst, np.abs(made - ideal).max())
    return worst


def test_no_rim_on_black_white_and_a_colour():
    """The last two have gaps of one pixel between two parts of the object; benchmarks/depth_quality.py has all 64."""
    scenes, left = held_out_scenes(64), []
    subjects, mattes, walls = soft_edged([*scenes[:12], scenes[38], scenes[58]], 256)
    results = to_uint8(subjects + walls)
    for subject, matte, result in zip(subjects.permute(0, 2, 3, 1).numpy() * 255, mattes[:, 0].numpy(), results, strict=True):
        assert rim_of(foreground_colors(result, matte), matte, subject) <= RIM
        left.append(rim_of(result, matte, subject))
    assert np.median(left) > 3 * RIM, "without the estimate there is a rim"


def test_a_gap_of_one_pixel_has_the_colours_of_its_own_sides():
    """No pixel of the gap is the background's alone; the nearest such ones lie beyond the reach of the smaller filters."""
    y, x = np.mgrid[:96, :96]
    matte = (np.hypot(x - 48, y - 48) < 36).astype(np.float32)
    gap = (abs(y - 48) <= 26) & (y - x == 0)
    matte[gap], matte[np.roll(gap, 1, axis=1)] = 0.25, 0.75
    subject = np.where((x > y)[..., None], (50, 34, 85), (90, 62, 158)) * matte[..., None]
    result = np.rint(subject + (1 - matte[..., None]) * (49, 36, 23)).astype(np.uint8)
    assert rim_of(result, matte, subject) > RIM
    assert rim_of(foreground_colors(result, matte), matte, subject) <= RIM


def test_opaque_pixels_keep_their_colour(rng):
    image = rng.integers(0, 256, (20, 30, 3), np.uint8)
    np.testing.assert_array_equal(foreground_colors(image, np.ones((20, 30), np.float32)), image)


def test_plane_fit_is_weighted_least_squares(rng):
    colors, weight = rng.random((9, 8, 1)), rng.random((9, 8, 1))
    value, variance = plane_fit(colors, weight, 2, 1e-6)
    y, x = np.mgrid[2:7, 1:6]
    w, c = weight[2:7, 1:6, 0] / weight[2:7, 1:6].sum(), colors[2:7, 1:6, 0]
    places = np.stack([x - (w * x).sum(), y - (w * y).sum()])
    spread = np.einsum("ixy,jxy,xy->ij", places, places, w) + np.eye(2)
    shared = (places * (c - (w * c).sum()) * w).sum((1, 2))
    slope = np.linalg.solve(spread, shared)
    at = np.array([3 - (w * x).sum(), 4 - (w * y).sum()])
    np.testing.assert_allclose(value[4, 3, 0], (w * c).sum() + slope @ at)
    np.testing.assert_allclose(variance[4, 3, 0], (w * (c - (w * c).sum()) ** 2).sum() - slope @ shared + 1e-6)


def test_bands_of_rows_give_the_whole(rng, monkeypatch):
    image, alpha = rng.integers(0, 256, (150, 20, 3), np.uint8), rng.random((150, 20)).astype(np.float32)
    whole = foreground_colors(image, alpha).astype(int)
    monkeypatch.setattr(edge_colors, "BAND", 40)
    assert np.abs(foreground_colors(image, alpha) - whole).max() <= 1


def test_box_mean_is_the_mean_inside_the_image(rng):
    array = rng.random((9, 7, 1)).astype(np.float32)
    expected = [[array[max(y - 2, 0):y + 3, max(x - 2, 0):x + 3].mean() for x in range(7)] for y in range(9)]
    np.testing.assert_allclose(box_mean(array, 2)[..., 0], expected, rtol=1e-5)
