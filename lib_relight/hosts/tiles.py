"""Finds where an init image lies when the host's SD upscale script samples a large image tile by tile."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from PIL import Image

GRID_FIELDS = {"tiles", "tile_w", "tile_h", "image_w", "image_h", "overlap"}
"""Of the hosts' `modules.images.Grid`, a named tuple; tiles: rows of (top, height, [[left, width, image], ...])."""


@dataclass(frozen=True)
class Tile:
    """canvas: (width, height) of the whole image.  left, top: the tile's corner in it."""

    canvas: tuple[int, int]
    left: int
    top: int


def tile_of(image: Image.Image) -> Tile | None:
    """Return the tile that an init image is, None where no script on the call stack has cut it out of a larger one.

    The script keeps the grid and a list of its tiles, row by row, in local variables while it runs a job on each.
    """
    for variables in callers():
        grid = next((value for value in variables if GRID_FIELDS <= set(getattr(type(value), "_fields", ()))), None)
        corners = [] if grid is None else [(left, top) for top, _, row in grid.tiles for left, *_ in row]
        for value in variables:
            if isinstance(value, list) and len(value) == len(corners):
                for entry, (left, top) in zip(value, corners):
                    if entry is image:
                        return Tile((grid.image_w, grid.image_h), left, top)
    return None


def callers() -> Iterator[list[Any]]:
    """Yield the values of the local variables of each function on the call stack."""
    frame = sys._getframe(1)
    while frame is not None:
        yield list(frame.f_locals.values())
        frame = frame.f_back
