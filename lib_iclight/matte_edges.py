"""Tools for a matte's edge: a hard cut, growing or shrinking, and a soft rim; at the picture's full resolution."""

from __future__ import annotations

import math

import numpy as np

from .detail import gaussian_blur


def adjust_matte(alpha: np.ndarray, threshold: float, grow: float, feather: float) -> np.ndarray:
    """The three tools in this order; each does nothing at 0. alpha: float32 [H, W], 0..1; the same comes back.

    threshold: 0..1, values from it on become 1 and those below 0. grow: pixels, below 0 shrinks. feather: pixels, the
    standard deviation of a Gaussian; the rim of a hard edge is then about four times as wide.
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
    """The largest value within radius pixels of each one; what lies outside the picture does not count.

    A disc is a stack of rows: each row's maximum comes from two windows of 2**k pixels, so that the time grows with the
    radius, not with its square.
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
    """[k]: the maximum over 2**k pixels beginning at each one, as long as 2**k <= longest."""
    windows = [alpha]
    while 2 ** len(windows) <= longest:
        windows.append(np.maximum(windows[-1], shifted(windows[-1], 2 ** (len(windows) - 1))))
    return windows


def row_maximum(windows: list[np.ndarray], half: int) -> np.ndarray:
    """The maximum over the pixels from half before to half after each one."""
    length = 2 * half + 1
    power = length.bit_length() - 1
    first, last = shifted(windows[power], -half), shifted(windows[power], half + 1 - 2 ** power)
    return np.maximum(first, last) if half else windows[0]


def shifted(rows: np.ndarray, by: int) -> np.ndarray:
    """rows[:, x + by] for every x, 0 where that is outside."""
    moved = np.zeros_like(rows)
    width = rows.shape[1]
    if by >= 0:
        moved[:, :max(width - by, 0)] = rows[:, by:]
    else:
        moved[:, -by:] = rows[:, :max(width + by, 0)]
    return moved
