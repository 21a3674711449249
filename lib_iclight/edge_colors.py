"""Estimates the subject's own colours along a soft edge, so that a cut-out shows no rim on another background."""

from __future__ import annotations

import numpy as np

RADII = (30, 6, 2)
"""Radius in pixels of each pass's box filter."""
SMALL, NONE = 1e-5, 1e-9
BAND = 256
"""Rows that are computed at a time, which bounds the memory for a large image."""
PURE, MIXED = 16, 1e-3
"""The first pass fits the background to the pixels weighted by share ** PURE + MIXED * share, with their share of background."""
LEAST_FRONT, LEAST_BACK = 1e-3, 1e-6
"""Least variance of the foreground and the background, with colours 0..1: subjects darken quickly towards their outline."""
LEAST_SPREAD = 1.0
"""Added to the variance of the pixels' places, in pixels squared: few of them give a mean and no slope."""


def foreground_colors(image: np.ndarray, alpha: np.ndarray) -> np.ndarray:
    """Return the foreground's colours without the background that shows through its soft edge: uint8 [H, W, 3].

    image: uint8 [H, W, 3] = alpha * F + (1 - alpha) * B, of which F is estimated; alpha: float [H, W], 0..1. Opaque pixels keep
    their colour. Blur fusion in three passes (Marco Forte, "Approximate Fast Foreground Colour Estimation", ICIP 2021): f and b
    are means of F and B weighted by alpha and 1 - alpha, and what image - alpha * f - (1 - alpha) * b leaves is given to both.
    Instead of the mean, b is the value at the pixel of the plane that fits B best, since backgrounds are smoother than edges. In
    the first pass, where mixed pixels still have their mixed colour, it is fitted to those of the background alone, as far as
    there are any: in a gap of one pixel all are mixed, and later passes see no others.
    The paper gives them alpha and 1 - alpha of it; here the shares are those of the most probable F and B under their
    local variances (Chuang et al., "A Bayesian Approach to Digital Matting", CVPR 2001, with a known alpha).
    """
    bands, margin = [], sum(RADII)
    for top in range(0, image.shape[0], BAND):
        first = max(top - margin, 0)
        near = slice(first, top + BAND + margin)
        bands.append(blur_fusion(image[near], alpha[near])[top - first:top - first + BAND])
    return np.concatenate(bands)


def blur_fusion(image: np.ndarray, alpha: np.ndarray) -> np.ndarray:
    """Return foreground_colors of a band of rows."""
    observed, weight = image / 255, alpha.astype(np.float64)[..., None]
    front = back = observed
    share = (1 - weight) ** PURE + MIXED * (1 - weight)
    for radius in RADII:
        f, f_variance = statistics(front, weight, radius, LEAST_FRONT)
        b, b_variance = plane_fit(back, share, radius, LEAST_BACK)
        share = 1 - weight
        rest = observed - weight * f - (1 - weight) * b
        rest /= weight ** 2 * f_variance + (1 - weight) ** 2 * b_variance
        front = (f + weight * f_variance * rest).clip(0, 1)
        back = (b + (1 - weight) * b_variance * rest).clip(0, 1)
    return np.where(weight == 1, image, np.rint(front * 255)).astype(np.uint8)


def plane_fit(colors: np.ndarray, weight: np.ndarray, radius: int, least: float) -> tuple[np.ndarray, np.ndarray]:
    """Return the value at each pixel of the plane through the colours within `radius`, and the variance that it leaves.

    Weighted least squares over x and y; arguments and results as of statistics.
    """
    y, x = np.mgrid[:weight.shape[0], :weight.shape[1]].astype(np.float64)[..., None]
    total = np.maximum(box_mean(weight, radius), NONE)

    def mean(values: np.ndarray) -> np.ndarray:
        return box_mean(values * weight, radius) / total

    middle_x, middle_y, middle = mean(x), mean(y), mean(colors)
    xx, yy = mean(x * x) - middle_x ** 2 + LEAST_SPREAD, mean(y * y) - middle_y ** 2 + LEAST_SPREAD
    xy = mean(x * y) - middle_x * middle_y
    x_color, y_color = mean(x * colors) - middle_x * middle, mean(y * colors) - middle_y * middle
    determinant = xx * yy - xy ** 2
    slope_x, slope_y = (yy * x_color - xy * y_color) / determinant, (xx * y_color - xy * x_color) / determinant
    variance = mean(colors ** 2) - middle ** 2 - slope_x * x_color - slope_y * y_color
    return middle + slope_x * (x - middle_x) + slope_y * (y - middle_y), variance.clip(0) + least


def statistics(colors: np.ndarray, weight: np.ndarray, radius: int, least: float) -> tuple[np.ndarray, np.ndarray]:
    """Return the weighted mean and variance of the colours within `radius`, [H, W, 3] each. least: added variance."""
    total = box_mean(weight, radius) + SMALL
    mean = box_mean(colors * weight, radius) / total
    variance = box_mean(colors ** 2 * weight, radius) / total - mean ** 2
    return mean, variance.clip(0) + least


def box_mean(array: np.ndarray, radius: int) -> np.ndarray:
    """Return the mean of float [H, W, C] over the part of a square of 2 * radius + 1 pixels that lies in the image."""
    for axis in (0, 1):
        size = array.shape[axis]
        sums = np.insert(np.cumsum(array, axis, np.float64), 0, 0, axis)
        place = np.arange(size)
        first, last = np.maximum(place - radius, 0), np.minimum(place + radius + 1, size)
        count = (last - first).reshape((-1, 1, 1) if axis == 0 else (-1, 1))
        array = (sums.take(last, axis) - sums.take(first, axis)) / count
    return array
