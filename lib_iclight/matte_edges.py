"""Adjusts the edge of a matte at full resolution: threshold, grow or shrink, feather."""

from __future__ import annotations

import math

import numpy as np

from .detail import gaussian_blur


def adjust_matte(alpha: np.ndarray, threshold: float, grow: float, feather: float) -> np.ndarray:
    """Apply threshold, grow and feather in this order; each has no effect at 0. alpha: float32 [H, W] in 0..1, as returned.

    threshold: 0..1; values at or above it become 1, others 0. grow: pixels, negative shrinks. feather: pixels, the
    standard deviation of a Gaussian; a hard edge becomes a rim about four times as wide.
    """
    if threshold > 0:
        alpha = (alpha >= threshold).astype(np.float32)
    if grow > 0:
        alpha = widen(alpha, grow)
    elif grow < 0:
        alpha = 1 - widen(1 - alpha, -grow)
    if feather > 0:
        alpha = gaussian_blur(alpha, feather).clip(0, 1)
    return alpha


def widen(alpha: np.ndarray, radius: float) -> np.ndarray:
    """Dilate by a disc: the largest value within radius pixels of each one; pixels outside the image are ignored.

    A disc is a stack of rows, and each row's maximum comes from two windows of 2**k pixels, so that the time grows with
    the radius, not with its square.
    """
    height, width = alpha.shape
    radius = min(radius, math.hypot(height, width))
    sideways, reach = math.floor(radius), min(math.floor(radius), height - 1)
    windows = doubling_windows(np.pad(alpha, ((0, 0), (sideways, sideways))), 2 * sideways + 1)
    widest = alpha.copy()
    for down in range(-reach, reach + 1):
        row = row_maximum(windows, math.floor(math.sqrt(radius * radius - down * down)))[:, sideways:sideways + width]
        if down >= 0:
            np.maximum(widest[down:], row[:height - down], out=widest[down:])
        else:
            np.maximum(widest[:down], row[-down:], out=widest[:down])
    return widest


def doubling_windows(alpha: np.ndarray, longest: int) -> list[np.ndarray]:
    """Return windows where windows[k] is the maximum over 2**k pixels starting at each one, for all 2**k <= longest."""
    windows = [alpha]
    while 2 ** len(windows) <= longest:
        windows.append(np.maximum(windows[-1], shifted(windows[-1], 2 ** (len(windows) - 1))))
    return windows


def row_maximum(windows: list[np.ndarray], half: int) -> np.ndarray:
    """Return the maximum over the pixels from x - half to x + half for each x."""
    length = 2 * half + 1
    power = length.bit_length() - 1
    first, last = shifted(windows[power], -half), shifted(windows[power], half + 1 - 2 ** power)
    return np.maximum(first, last) if half else windows[0]


def shifted(rows: np.ndarray, by: int) -> np.ndarray:
    """Return rows[:, x + by] for every x, 0 where that is outside."""
    moved = np.zeros_like(rows)
    width = rows.shape[1]
    if by >= 0:
        moved[:, :max(width - by, 0)] = rows[:, by:]
    else:
        moved[:, -by:] = rows[:, :max(width + by, 0)]
    return moved
