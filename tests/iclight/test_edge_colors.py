"""A cut-out of a rendered object shows no rim on any background."""

import numpy as np
import torch
from sd_relight.lib_iclight import edge_colors
from sd_relight.lib_iclight.edge_colors import box_mean, foreground_colors, plane_fit
from sd_relight.training import rendering
from sd_relight.training.rendering import column, held_out_scenes, light_vector, shade, to_srgb, to_uint8, wall_linear
from torch.nn.functional import avg_pool2d

RIM = 4
"""Levels of 255 that a pixel of a cut-out may differ from the ideal composite."""


def parts(count, size):
    """Objects times their matte, the matte, the walls; each pixel is the mean of four rendered ones, so that edges are soft."""
    scenes = held_out_scenes(count)
    geometry = rendering.trace(scenes, 2 * size, "cpu")
    light = light_vector(torch.tensor([s.angle for s in scenes]), torch.tensor([s.elevation for s in scenes]))
    light_rgb, ambient = (column(rows, "cpu") for rows in zip(*[(s.style.light_rgb * s.intensity, s.ambient * (0.5 + 0.5 * s.style.wall))
                                                              for s in scenes], strict=True))
    subjects = to_srgb(shade(scenes, geometry, light, light_rgb, ambient)) * geometry.alpha
    walls = to_srgb(wall_linear(scenes, 2 * size, torch.device("cpu"))) * (1 - geometry.alpha)
    return (avg_pool2d(part, 2) for part in (subjects, geometry.alpha, walls))


def test_no_rim_on_black_white_and_a_colour():
    subjects, mattes, walls = parts(12, 256)
    results, left = to_uint8(subjects + walls), []
    for subject, matte, result in zip(subjects.permute(0, 2, 3, 1).numpy() * 255, mattes[:, 0].numpy(), results, strict=True):
        alpha = np.round(matte * 255) / 255
        cut_out = foreground_colors(result, matte)
        for color in ((0, 0, 0), (255, 255, 255), (30, 200, 60)):
            ideal = subject + (1 - matte[..., None]) * np.float32(color)
            made = cut_out * alpha[..., None] + (1 - alpha[..., None]) * np.float32(color)
            assert np.abs(made - ideal).max() <= RIM
        left.append(np.abs(result * alpha[..., None] - subject).max())
    assert np.median(left) > 3 * RIM, "without the estimate there is a rim"


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
