"""Lays out the rows of an attention batch: conditional or unconditional, and which image of the batch each belongs to."""

from __future__ import annotations

from collections.abc import Sequence
from functools import lru_cache
from typing import NamedTuple

UNCOND = 1


class Segment(NamedTuple):
    """Rows start..stop - 1, all conditional or all unconditional. Row r belongs to image (r - start) % images."""

    start: int
    stop: int
    uncond: bool
    images: int


RowLayout = tuple[Segment, ...]


def row_layout(rows: int, options: dict) -> RowLayout:
    """Return the layout of one attention call. options: the host's extra_options.

    `cond_or_uncond` has one entry for each chunk (1 is unconditional); `sigmas` is as long as the batch of images.
    `original_shape` is the shape of the UNet's input; tiled sampling repeats all chunks in it, once for each tile.
    `row_flags`, one entry for each row, replaces them on hosts without chunks.
    """
    if "row_flags" in options:
        return layout_of_flags(tuple(options["row_flags"]))
    sigmas, chunks = options.get("sigmas"), tuple(options["cond_or_uncond"])
    images = 0 if sigmas is None else sigmas.shape[0]
    shape = options.get("original_shape")
    tiles = shape[0] // (images * len(chunks)) if shape is not None and images else 1
    return layout_of_chunks(rows, chunks * max(1, tiles), images)


@lru_cache(maxsize=256)
def layout_of_chunks(rows: int, chunks: tuple[int, ...], images: int) -> RowLayout:
    """Return the layout of consecutive chunks, each with all images of the batch.

    Extensions for regional prompts repeat the conditional chunks and may append padding rows that they drop afterwards:
    the repeats follow from the number of rows, and the remainder belongs to the last segment.
    """
    uncond = sum(chunk == UNCOND for chunk in chunks)
    cond = len(chunks) - uncond
    if images <= 0 or images * len(chunks) > rows:
        images = max(1, rows // len(chunks))
    repeats = max(1, (rows // images - uncond) // cond) if cond else 1
    segments, start = [], 0
    for chunk in chunks:
        count = images * (1 if chunk == UNCOND else repeats)
        segments.append(Segment(start, min(rows, start + count), chunk == UNCOND, images))
        start += count
    if start < rows:
        segments[-1] = segments[-1]._replace(stop=rows)
    return merge(segments)


@lru_cache(maxsize=256)
def layout_of_flags(flags: Sequence[int]) -> RowLayout:
    """Return the layout of rows in any order, one flag each; images are numbered in order within each segment."""
    segments = []
    for row, flag in enumerate(flags):
        if segments and segments[-1].uncond == (flag == UNCOND):
            segments[-1] = segments[-1]._replace(stop=row + 1, images=row + 1 - segments[-1].start)
        else:
            segments.append(Segment(row, row + 1, flag == UNCOND, 1))
    return tuple(segments)


def merge(segments: list[Segment]) -> RowLayout:
    """Join neighbouring segments of one kind; image numbers stay valid, because each segment starts at image 0."""
    merged: list[Segment] = []
    for segment in segments:
        if merged and merged[-1].uncond == segment.uncond:
            merged[-1] = merged[-1]._replace(stop=segment.stop)
        else:
            merged.append(segment)
    return tuple(merged)
