"""Renders sunset.jpg: a low sun on the left over rolling dunes, with haze. No photograph goes in.

    python assets/make_background.py
"""

from __future__ import annotations

from pathlib import Path

import numpy as np
from PIL import Image

SIZE = 512
SUN = (0.16, 0.56)  # x, y as shares of the picture
SKY = np.array([[58, 74, 128], [150, 116, 138], [238, 150, 92], [255, 204, 128]], dtype=np.float64)
SAND = np.array([150, 92, 62], dtype=np.float64)
HAZE = np.array([246, 176, 116], dtype=np.float64)


def gradient(position, colors):
    """Colour at a position 0..1 along evenly spaced colours: float64 [..., 3]."""
    stops = np.linspace(0, 1, len(colors))
    return np.stack([np.interp(position, stops, colors[:, channel]) for channel in range(3)], axis=-1)


def sky(x, y):
    distance = np.hypot(x - SUN[0], (y - SUN[1]) * 1.2)
    colors = gradient(np.clip(y / SUN[1], 0, 1), SKY)
    colors += 110 * np.exp(-(distance / 0.28) ** 2)[..., None] * np.array([1.0, 0.8, 0.5])
    return colors + 300 * np.clip((0.045 - distance) / 0.008, 0, 1)[..., None]


def ridge(x, layer):
    """Height of one dune line (share of the picture, from the top) and its slope."""
    phase, waves, low = 1.7 * layer, 1.5 + 0.9 * layer, 0.60 + 0.085 * layer
    height = low + 0.03 * np.sin(2 * np.pi * waves * x / 2 + phase) + 0.012 * np.sin(2 * np.pi * waves * x + 2.3 * phase)
    return height, np.gradient(height, x)


def render(size):
    """uint8 [size, size, 3]"""
    x, y = np.meshgrid((np.arange(size) + 0.5) / size, (np.arange(size) + 0.5) / size)
    picture = sky(x, y)
    noise = np.random.default_rng(0).normal(size=(size, size, 1))
    for layer in range(5):
        height, slope = ridge(x[0], layer)
        inside = np.clip((y - height) * size, 0, 1)[..., None]
        lit = np.clip(0.75 - 2.2 * slope - 0.35 * layer * 0.4, 0.25, 1.3)[None, :, None]
        far = 0.75 ** (layer + 1)
        sand = SAND * lit * (1 - 0.35 * (x[..., None] - SUN[0])) * (1 + 0.03 * noise)
        picture = picture * (1 - inside) + inside * (sand * (1 - far) + HAZE * far)
    return np.clip(picture, 0, 255).astype(np.uint8)


if __name__ == "__main__":
    Image.fromarray(render(SIZE)).save(Path(__file__).with_name("sunset.jpg"), quality=92)
