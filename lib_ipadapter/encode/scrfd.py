"""Face detection with SCRFD: letterboxed input, anchors at strides 8, 16 and 32, non-maximum suppression.

Written from the paper's decoding (Guo et al. 2021) and the output layout of the published files with landmarks (det_10g, 2.5g,
500m): three score maps, three box maps, three landmark maps, two anchors at each position.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from PIL import Image

from ..errors import IpAdapterError

STRIDES = (8, 16, 32)
ANCHORS = 2
WIDTHS = (1, 4, 10)
"""Numbers per anchor: score, box, landmarks."""
FREE_SIDE = 640
"""Side of the input where the file accepts any."""


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


def input_size(session, free_side: int = FREE_SIDE) -> tuple[int, int]:
    """Return (width, height) of the detector's input. free_side: of the sides that are not fixed in the file."""
    height, width = session.get_inputs()[0].shape[-2:]
    width, height = (side if isinstance(side, int) and side > 0 else free_side for side in (width, height))
    return width, height


def detection_sizes(session) -> tuple[int, ...]:
    """Return the sizes to detect faces at, the largest first: a face that fills a large input may be found in a small one."""
    largest = max(input_size(session))
    return tuple(range(largest, 255, -64)) or (largest,)


def detect_faces(session, image: Image.Image, size: int = FREE_SIDE, threshold: float = 0.5,
                 overlap: float = 0.4) -> list[Detection]:
    """Detect the faces in an RGB image, best score first. size: longest side of the scaled image, in the input's top left.

    The input is a square of this size, or the file's fixed input, black beside the image.
    session: an ONNX session.  threshold: lowest score, 0..1.  overlap: largest intersection over union of two faces.
    Raises IpAdapterError if the outputs are not SCRFD's.
    """
    width, height = input_size(session, size)
    fitted = letterboxed(image.convert("RGB"), min(width, size), min(height, size))
    rows, columns = fitted.shape[:2]
    scale = rows / image.height
    canvas = np.zeros((height, width, 3), np.float32)
    canvas[:rows, :columns] = fitted
    blob = ((canvas - 127.5) / 128).transpose(2, 0, 1)[None]
    outputs = [np.asarray(o, np.float32) for o in session.run(None, {session.get_inputs()[0].name: blob})]
    scores, boxes, points = decode(outputs, width, height, threshold)
    kept = suppress(scores, boxes, overlap)
    found = []
    for i in kept:
        left, top, right, bottom = (float(side) for side in boxes[i] / scale)
        found.append(Detection(float(scores[i]), (left, top, right, bottom), points[i] / scale))
    return found


def letterboxed(image: Image.Image, width: int, height: int) -> np.ndarray:
    """Return the RGB image scaled into width × height, uint8 [H, W, 3], bilinear between the nearest four pixels.

    The networks are trained on images that are scaled so; Pillow's `resize` averages over more pixels.
    """
    scale = min(width / image.width, height / image.height)
    rows, columns = (max(1, int(side * scale + 1e-6)) for side in (image.height, image.width))
    return np.rint(interpolated(interpolated(np.asarray(image), rows, 0), columns, 1)).astype(np.uint8)


def interpolated(pixels: np.ndarray, length: int, axis: int) -> np.ndarray:
    """Return float32 pixels with this length along an axis, linear between the nearest two."""
    given = pixels.shape[axis]
    places = ((np.arange(length) + 0.5) * (given / length) - 0.5).clip(0, given - 1)
    low = places.astype(int)
    weight = (places - low).astype(np.float32).reshape([-1 if dim == axis else 1 for dim in range(pixels.ndim)])
    return pixels.take(low, axis) * (1 - weight) + pixels.take((low + 1).clip(max=given - 1), axis) * weight


def decode(outputs: list[np.ndarray], width: int, height: int, threshold: float) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Decode outputs to scores [N], boxes [N, 4] and landmarks [N, 5, 2] above the threshold, in pixels of the input.

    outputs: in any order; those of one stride have 1, 4 and 10 numbers for each anchor.
    """
    maps = {(output.shape[-1], output.size // output.shape[-1]): output for output in outputs if output.ndim and output.size}
    scores, boxes, points = [], [], []
    for stride in STRIDES:
        centres = anchor_centres(-(-width // stride), -(-height // stride), stride)
        try:
            score, distances, offsets = (maps[number, len(centres)].reshape(-1, number) for number in WIDTHS)
        except KeyError:
            shapes = ", ".join(str(list(output.shape)) for output in outputs)
            raise IpAdapterError(f"The face detector answers with {len(outputs)} outputs ({shapes}), but SCRFD with landmarks "
                                 "has 9; use det_10g.onnx of insightface's buffalo_l.") from None
        good = np.flatnonzero((score[:, 0] >= threshold) & np.isfinite(distances).all(1) & np.isfinite(offsets).all(1))
        centre, distance = centres[good], distances[good] * stride
        scores.append(score[good, 0])
        boxes.append(np.hstack([centre - distance[:, :2], centre + distance[:, 2:]]))
        points.append(centre[:, None] + offsets[good].reshape(-1, 5, 2) * stride)
    return np.concatenate(scores), np.concatenate(boxes), np.concatenate(points)


def anchor_centres(columns: int, rows: int, stride: int) -> np.ndarray:
    """Return the anchors' x and y, [rows · columns · ANCHORS, 2], row by row, both anchors of a position adjacent."""
    ys, xs = np.mgrid[:rows, :columns]
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
