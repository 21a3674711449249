"""Separates the lights of an image from the colours of the surface that they shine on, such as stripes or spots.

A surface's gain at a pixel is its own brightness over that of its most frequent part. Two models of it are tried: one gain for
each hue, and two tones of any hue. Gains, weights and directions are estimated in turn, and the model with the smaller error is
taken. Pixels that fit badly, such as highlights, lose their weight.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

import numpy as np

from .light_search import Pixels, predicted, search, sphere

FEWEST = 50
"""Pixels of a hue from which it has a gain of its own."""
HUES, EVEN_CHROMA = 12, 0.02
"""Bins of chromaticity, and the range of it below which the surface has one colour."""
HUE_ROUNDS, TONE_ROUNDS = 3, 4
"""Rounds of estimation."""
TONE_STEPS = 12
"""Steps in which the two tones are told apart, at most."""
FIRST_GRID, STARTS = 48, 3
"""Directions of one light from which two tones are estimated, and how many of them are refined."""
ENVELOPES = (0.15, 0.85)
"""Weights of pixels above the model: near 0 it lies below most pixels, near 1 above them, so that one of two tones fits first."""
LARGEST_ERROR = 0.2
"""Error of a pixel, as a share of the mean brightness, above which it does not matter how large it is."""
TONE_PENALTY = 1.3
"""Two tones, which can take shadows for dark paint, must lower the error by this factor against hues."""


class Fit(NamedTuple):
    """pixels: with the brightness that a surface of one gain would have, and weights.  directions: [K, 3].  gains: [N].
    error: mean squared share of the mean brightness, each limited by LARGEST_ERROR."""

    pixels: Pixels
    directions: np.ndarray
    gains: np.ndarray
    error: float


def best_fit(pixels: Pixels, colors: np.ndarray, directions: np.ndarray, most: int) -> Fit:
    """Return the better of the two models of the surface.

    colors: linear, [N, 3].  directions: of the lights on a surface of one gain, [K, 3].  most: lights.
    """
    hues = hue_bins(colors)
    by_hue = fitted(pixels, pixels, directions, most, HUE_ROUNDS, lambda brightness, model: hue_gains(brightness, model, hues))
    by_tone = min((fitted(pixels, start.pixels, search(start.pixels, most), most, TONE_ROUNDS, tone_gains)
                   for start in tone_starts(pixels)), key=lambda fit: fit.error)
    return by_tone if by_tone.error * TONE_PENALTY < by_hue.error else by_hue


def fitted(base: Pixels, pixels: Pixels, directions: np.ndarray, most: int, rounds: int, gains_of: Callable) -> Fit:
    """Estimate gains, weights and directions in turn. base: as in the image.  pixels: those that the directions were found in."""
    gains = np.ones(len(base.brightness))
    for _ in range(rounds):
        gains = gains_of(base.brightness, predicted(pixels, directions))
        pixels = reweighted(base._replace(brightness=base.brightness / gains), directions)
        directions = search(pixels, most)
    return Fit(pixels, directions, gains, limited_error(base, predicted(pixels, directions) * gains))


def tone_starts(base: Pixels) -> list[Fit]:
    """Return the best fits of one light of a coarse grid on two tones."""
    fits = [min((two_tones(base, direction[None], above) for above in ENVELOPES), key=lambda fit: fit.error)
            for direction in sphere(FIRST_GRID)]
    return sorted(fits, key=lambda fit: fit.error)[:STARTS]


def two_tones(base: Pixels, directions: np.ndarray, above: float) -> Fit:
    """Return gains and weights for given directions. above: weight of pixels above the model, one of ENVELOPES, at first."""
    pixels, gains = base, np.ones(len(base.brightness))
    for _ in range(2):
        is_above = base.brightness > predicted(pixels, directions)
        pixels = base._replace(weights=base.weights * np.where(is_above, above, 1 - above))
    for _ in range(3):
        gains = tone_gains(base.brightness, predicted(pixels, directions))
        pixels = reweighted(base._replace(brightness=base.brightness / gains), directions)
    return Fit(pixels, directions, gains, limited_error(base, predicted(pixels, directions) * gains))


def hue_bins(colors: np.ndarray) -> np.ndarray:
    """Return each pixel's bin, 0 to HUES - 1, along the axis on which the chromaticities differ most."""
    chroma = colors / np.maximum(colors.sum(axis=1, keepdims=True), 1e-6)
    spread = chroma - chroma.mean(axis=0)
    along = spread @ np.linalg.eigh(spread.T @ spread)[1][:, -1]
    reach = max(float(np.ptp(along)), EVEN_CHROMA)
    return ((along - along.min()) / reach * (HUES - 1e-6)).astype(int)


def hue_gains(brightness: np.ndarray, model: np.ndarray, hues: np.ndarray) -> np.ndarray:
    """Return the surface's brightness at each pixel, the median of its hue; 1 is that of the most frequent hue."""
    counts = np.bincount(hues, minlength=HUES)
    ratio = brightness / np.maximum(model, 1e-6)
    own = np.array([np.median(ratio[hues == hue]) if counts[hue] >= FEWEST else 1.0 for hue in range(HUES)])
    return np.maximum(own / own[np.argmax(counts)], 0.05)[hues]


def tone_gains(brightness: np.ndarray, model: np.ndarray) -> np.ndarray:
    """Return 1 for the pixels of the more frequent of two tones and the ratio of the tones for the others, [N].

    The tones are two medians of the log ratios of brightness and model, as by k-means.
    """
    ratio = np.log(np.maximum(brightness, 1e-4) / np.maximum(model, 1e-4))
    low, high = np.quantile(ratio, (0.1, 0.9))
    for _ in range(TONE_STEPS):
        is_high = ratio > (low + high) / 2
        if is_high.all() or not is_high.any():
            break
        low, high = np.median(ratio[~is_high]), np.median(ratio[is_high])
    is_high = ratio > (low + high) / 2
    return np.exp(np.where(is_high, high, low) - (high if is_high.mean() > 0.5 else low))


def reweighted(pixels: Pixels, directions: np.ndarray) -> Pixels:
    """Return the pixels with Tukey's biweights of their residuals, with c = 4.685 standard deviations by the median."""
    off = np.abs(pixels.brightness - predicted(pixels, directions))
    limit = 4.685 * 1.4826 * max(float(np.median(off)), 1e-6)
    return pixels._replace(weights=pixels.weights * np.maximum(1 - (off / limit) ** 2, 0.0) ** 2)


def limited_error(base: Pixels, model: np.ndarray) -> float:
    mean = base.brightness.mean()
    off = np.minimum(np.abs(base.brightness - model) / mean, LARGEST_ERROR) ** 2
    return float((base.weights * off).sum() / base.weights.sum())
