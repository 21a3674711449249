"""Encodes videos by PyAV or imageio-ffmpeg, whichever is installed."""

from __future__ import annotations

import io
import sys
import tempfile
from collections.abc import Sequence
from fractions import Fraction
from pathlib import Path

import numpy as np

from ..base.errors import RelightError
from .optional import importable

MODULES = ("av", "imageio_ffmpeg")
QUALITY = {"crf": "18"}
"""x264's constant rate factor: visually close to lossless."""


def missing() -> str | None:
    """Return the error of a request for a video, None if one of the packages is installed."""
    if any(map(importable, MODULES)):
        return None
    return (f'`set_file` mp4 needs the package av or imageio-ffmpeg, and neither is installed; run "{sys.executable}" -m pip '
            "install av, or choose webp or gif.")


def encode_mp4(frames: Sequence[np.ndarray], fps: float, comment: str = "") -> bytes:
    """Return an H.264 video. frames: uint8 [H, W, 3], cropped to even sides. Raises RelightError without an encoder."""
    if sentence := missing():
        raise RelightError(sentence)
    height, width = (side // 2 * 2 for side in frames[0].shape[:2])
    frames = [np.ascontiguousarray(frame[:height, :width]) for frame in frames]
    return (by_av if importable("av") else by_ffmpeg)(frames, fps, comment)


def by_av(frames: Sequence[np.ndarray], fps: float, comment: str) -> bytes:
    import av

    file = io.BytesIO()
    with av.open(file, "w", format="mp4") as container:
        container.metadata["comment"] = comment
        stream = container.add_stream("libx264", rate=Fraction(fps).limit_denominator(1000), options=QUALITY)
        stream.height, stream.width = frames[0].shape[:2]
        stream.pix_fmt = "yuv420p"
        for frame in frames:
            container.mux(stream.encode(av.VideoFrame.from_ndarray(frame, format="rgb24")))
        container.mux(stream.encode())
    return file.getvalue()


def by_ffmpeg(frames: Sequence[np.ndarray], fps: float, comment: str) -> bytes:
    import imageio_ffmpeg

    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder, "frames.mp4")
        more = ["-crf", QUALITY["crf"], "-metadata", f"comment={comment}"]
        writer = imageio_ffmpeg.write_frames(str(path), frames[0].shape[1::-1], fps=fps, macro_block_size=2, quality=None,
                                             output_params=more)
        writer.send(None)
        for frame in frames:
            writer.send(frame)
        writer.close()
        return path.read_bytes()
