"""Encodes images of float numbers as OpenEXR files, where the package OpenEXR is installed."""

from __future__ import annotations

import sys
import tempfile
from pathlib import Path

import numpy as np

from ..base.errors import RelightError
from .optional import importable


def missing(field: str) -> str | None:
    """Return the error of a request for an EXR file by a field, None if the package is installed."""
    if importable("OpenEXR"):
        return None
    return (f'`{field}` exr needs the package OpenEXR, which is not installed; run "{sys.executable}" -m pip install OpenEXR, or '
            "choose png16.")


def encode_exr(image: np.ndarray, comment: str = "") -> bytes:
    """Return an EXR file of float32 [H, W, 3] as R, G, B, or [H, W] as Y.

    Raises RelightError without the package (3.3 or newer).
    """
    if sentence := missing("output"):
        raise RelightError(sentence)
    import OpenEXR

    header = {"compression": OpenEXR.ZIP_COMPRESSION, "type": OpenEXR.scanlineimage, "comments": comment}
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder, "image.exr")
        with OpenEXR.File(header, {"RGB" if image.ndim == 3 else "Y": np.ascontiguousarray(image, np.float32)}) as file:
            file.write(str(path))
        return path.read_bytes()
