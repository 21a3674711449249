"""Face detection with SCRFD: letterboxed input, anchors at strides 8, 16 and 32, non-maximum suppression.

Written from the paper's decoding (Guo et al. 2021) and the output layout of buffalo_l's det_10g.onnx: three score maps,
three box maps, three landmark maps, two anchors at each position.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from PIL import Image

STRIDES = (8, 16, 32)
ANCHORS = 2


@dataclass(frozen=True)
class Detection:
    """A detected face. box: left, top, right, bottom.  landmarks: float [5, 2], x and y.  All in pixels of the image."""

    score: float
    box: tuple[float, float, float, float]
    landmarks: np.ndarray

    def area(self) -> float:
        left, top, right, bottom = self.box
        return (right - left) * (bottom - top)

    def shifted(self, x: float, y: float) -> Detection:
        left, top, right, bottom = self.box
        return Detection(self.score, (left + x, top + y, right + x, bottom + y), self.landmarks + np.array([x, y]))


def detect_faces(session, image: Image.Image, size: int = 640, threshold: float = 0.5,
                 overlap: float = 0.4) -> list[Detection]:
    """Detect the faces in an RGB image, best score first. size: side of the square input, the image scaled into its top left.

    session: an ONNX session.  threshold: lowest score, 0..1.  overlap: largest intersection over union of two faces.
    """
    scale = size / max(image.size)
    fitted = image.resize(tuple(max(1, int(side * scale)) for side in image.size), Image.BILINEAR)
    canvas = np.zeros((size, size, 3), np.float32)
    canvas[: fitted.height, : fitted.width] = np.asarray(fitted.convert("RGB"))
    blob = ((canvas - 127.5) / 128).transpose(2, 0, 1)[None]
    outputs = [np.asarray(o, np.float32) for o in session.run(None, {session.get_inputs()[0].name: blob})]
    scores, boxes, points = decode(outputs, size, threshold)
    kept = suppress(scores, boxes, overlap)
    found = []
    for i in kept:
        left, top, right, bottom = (float(side) for side in boxes[i] / scale)
        found.append(Detection(float(scores[i]), (left, top, right, bottom), points[i] / scale))
    return found


def decode(outputs: list[np.ndarray], size: int, threshold: float) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Decode outputs to scores [N], boxes [N, 4] and landmarks [N, 5, 2] above the threshold, in pixels of the input."""
    scores, boxes, points = [], [], []
    for level, stride in enumerate(STRIDES):
        score = outputs[level].reshape(-1)
        distances = outputs[level + 3].reshape(-1, 4) * stride
        offsets = outputs[level + 6].reshape(-1, 5, 2) * stride
        centres = anchor_centres(-(-size // stride), stride)
        good = np.flatnonzero(score >= threshold)
        centre, distance = centres[good], distances[good]
        scores.append(score[good])
        boxes.append(np.hstack([centre - distance[:, :2], centre + distance[:, 2:]]))
        points.append(centre[:, None] + offsets[good])
    return np.concatenate(scores), np.concatenate(boxes), np.concatenate(points)


def anchor_centres(side: int, stride: int) -> np.ndarray:
    """Return the anchors' x and y, [side · side · ANCHORS, 2], row by row, both anchors of a position adjacent."""
    ys, xs = np.mgrid[:side, :side]
    return np.repeat(np.stack([xs, ys], -1).reshape(-1, 2) * stride, ANCHORS, axis=0).astype(np.float32)


def suppress(scores: np.ndarray, boxes: np.ndarray, overlap: float) -> list[int]:
    """Return the indices of the boxes to keep, best first: intersection over union of any two is at most `overlap`."""
    areas = (boxes[:, 2] - boxes[:, 0]) * (boxes[:, 3] - boxes[:, 1])
    order, kept = list(np.argsort(-scores)), []
    while order:
        best = order.pop(0)
        kept.append(int(best))
        order = [i for i in order if intersection(boxes[best], boxes[i]) <=
                 overlap * (areas[best] + areas[i] - intersection(boxes[best], boxes[i]))]
    return kept


def intersection(a: np.ndarray, b: np.ndarray) -> float:
    width, height = min(a[2], b[2]) - max(a[0], b[0]), min(a[3], b[3]) - max(a[1], b[1])
    return max(0.0, float(width)) * max(0.0, float(height))
