"""Finds faces for FaceID: detection (SCRFD), five-point alignment and ArcFace embeddings, with ONNX sessions of the caller.

A session is anything with onnxruntime's `get_inputs()` and `run(None, feeds)`; the detector is any SCRFD with landmarks, the
recogniser buffalo_l's w600k_r50.onnx, on whose embeddings FaceID is trained. The insightface package is not needed.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch
from PIL import Image
from torch import Tensor

from ..errors import IpAdapterError
from ..files.families import FACE_WIDTH
from .scrfd import Detection, detect_faces, detection_sizes

TEMPLATE = np.array([[38.2946, 51.6963], [73.5318, 51.5014], [56.0252, 71.7366], [41.5493, 92.3655], [70.7299, 92.2041]])
"""ArcFace's positions of left eye, right eye, nose and mouth corners in an image of 112 pixels."""


@dataclass(frozen=True)
class Face:
    """A face. raw: float32 [512], ArcFace's output, zeros without a recogniser.  box: left, top, right, bottom in pixels.
    aligned: the aligned crop for the CLIP encoder.  small: the aligned crop of 112 pixels for ArcFace."""

    raw: Tensor
    box: tuple[float, ...] = ()
    aligned: Image.Image | None = None
    small: Image.Image | None = None

    @property
    def normed(self) -> Tensor:
        return self.raw / self.raw.norm().clamp_min(1e-12)


def face_from_embedding(values: Sequence[float] | Tensor) -> Face:
    """Build a face from its embedding. Raises IpAdapterError unless values are 512 finite numbers, not all 0."""
    try:
        raw = torch.as_tensor(values, dtype=torch.float32).flatten()
    except (TypeError, ValueError, RuntimeError):
        raise IpAdapterError("`embedding` is no list of numbers; give the 512 numbers of ArcFace.") from None
    if raw.numel() != FACE_WIDTH or not torch.isfinite(raw).all() or not raw.any():
        raise IpAdapterError(f"`embedding` has {raw.numel()} numbers; give the {FACE_WIDTH} finite numbers of ArcFace, not "
                             "all of them 0.")
    return Face(raw)


def umeyama(source: np.ndarray, target: np.ndarray) -> np.ndarray:
    """Return the least-squares similarity transform (rotation, uniform scale, shift) from source to target, 2 × 3.

    source, target: float [N, 2].  Umeyama 1991, equations 40 to 43.
    """
    source_mean, target_mean = source.mean(0), target.mean(0)
    s, t = source - source_mean, target - target_mean
    u, d, vt = np.linalg.svd(t.T @ s / len(source))
    sign = np.array([1.0, np.sign(np.linalg.det(u) * np.linalg.det(vt)) or 1.0])
    rotation = u @ np.diag(sign) @ vt
    scale = (d * sign).sum() / s.var(0).sum()
    return np.hstack([scale * rotation, (target_mean - scale * rotation @ source_mean)[:, None]])


def template(size: int) -> np.ndarray:
    """Return the landmarks [5, 2] of an aligned crop; multiples of 112 fill it, other sizes leave ArcFace's side margin."""
    if size % 112 == 0:
        return TEMPLATE * (size / 112)
    ratio = size / 128
    return TEMPLATE * ratio + np.array([8.0 * ratio, 0.0])


def align(image: Image.Image, landmarks: np.ndarray, size: int = 112) -> Image.Image:
    """Return the face aligned to the template, size × size pixels, black outside the image."""
    forward = np.vstack([umeyama(np.asarray(landmarks, float), template(size)), [0, 0, 1]])
    # PIL samples at pixel centres, landmark coordinates start at the first pixel's centre
    half = np.array([[1, 0, 0.5], [0, 1, 0.5], [0, 0, 1]])
    back = np.linalg.inv(half @ forward @ np.linalg.inv(half))
    return image.convert("RGB").transform((size, size), Image.AFFINE, tuple(back[:2].ravel()), Image.BILINEAR)


def embed_face(session, aligned: Image.Image) -> Tensor:
    """Return ArcFace's raw embedding, float32 [512], of an aligned 112 × 112 crop."""
    pixels = (np.asarray(aligned.convert("RGB")).astype(np.float32) - 127.5) / 127.5
    output = session.run(None, {session.get_inputs()[0].name: pixels.transpose(2, 0, 1)[None]})[0]
    return torch.from_numpy(np.asarray(output, np.float32).reshape(-1).copy())


class FaceFinder:
    """Finds and embeds faces. detector, recogniser: ONNX sessions, no recogniser if only the place of the face is needed.
    crop_size: of the aligned image for the CLIP encoder, 224 for SD 1.5 and 256 for SDXL."""

    def __init__(self, detector, recogniser=None, crop_size: int = 224):
        self.detector, self.recogniser, self.crop_size = detector, recogniser, crop_size

    def find(self, image: Image.Image, index: int = -1, name: str = "image") -> Face:
        """Return one face. index: -1 for the largest, else counted from the left. Raises IpAdapterError if there is none such."""
        image, detections = locate(image.convert("RGB"), self.detector)
        if not detections:
            raise IpAdapterError(f"No face was found in `{name}`; use an image in which the face is larger than 40 pixels "
                                 "and seen from the front.")
        if index >= len(detections):
            raise IpAdapterError(f"`face_index` is {index}, but `{name}` shows {len(detections)} "
                                 f"face{'s' if len(detections) > 1 else ''}; use 0 to {len(detections) - 1}, or -1 for the "
                                 "largest.")
        chosen = max(detections, key=Detection.area) if index < 0 else sorted(detections, key=lambda d: d.box[0])[index]
        small = align(image, chosen.landmarks, 112)
        raw = torch.zeros(FACE_WIDTH) if self.recogniser is None else embed_face(self.recogniser, small)
        return Face(raw, tuple(chosen.box), align(image, chosen.landmarks, self.crop_size), small)


def locate(image: Image.Image, detector) -> tuple[Image.Image, list[Detection]]:
    """Return (image, detections), at decreasing detection sizes, then with a white border for a face that fills the frame.

    The detections are in coordinates of the returned image.
    """
    sizes = detection_sizes(detector)
    for size in sizes:
        if found := detect_faces(detector, image, size):
            return image, found
    border = max(image.size) // 2
    wide = Image.new("RGB", (image.width + 2 * border, image.height + 2 * border), "white")  # pyright: ignore[reportArgumentType]  -- Pillow 9.5 has no types
    wide.paste(image, (border, border))
    for size in (sizes[0], sizes[0] // 2):
        if found := detect_faces(detector, wide, size):
            moved = [d.shifted(-border, -border) for d in found]
            return image, moved
    return image, []
