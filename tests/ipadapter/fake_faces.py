"""Fake ONNX sessions of a face detector and a face recogniser, and an image for them."""

import types

import numpy as np
from PIL import Image
from sd_relight.lib_ipadapter.encode import faces


class Detector:
    """An SCRFD whose network finds given faces: (centre x, centre y, half side) in pixels of its input image.

    visible: the input sizes at which it sees anything.  border: it sees only images with the white border.  It writes raw
    outputs as the real file does, so that decoding is what is tested. Places are those in the image without border, of
    size `size`.
    """

    def __init__(self, found, size, visible=range(10_000), border=False, shape=(1, 3, "?", "?")):
        self.shape, self.found, self.size, self.visible, self.border, self.calls = shape, found, size, visible, border, []

    def get_inputs(self):
        return [types.SimpleNamespace(name="input.1", shape=self.shape)]

    def run(self, _, feeds):
        blob = feeds["input.1"]
        side = blob.shape[-1]
        self.calls.append(side)
        bordered = bool(blob[0, :, 0, 0].min() > 0.99)
        outputs = [np.zeros((2 * (side // s) ** 2, n), np.float32) for n in (1, 4, 10) for s in (8, 16, 32)]
        if side not in self.visible or bordered != self.border:
            return outputs
        shift = max(self.size) // 2 if bordered else 0
        scale = side / (max(self.size) + 2 * shift)
        for x, y, half, score in self.found:
            self.write(outputs, (x + shift) * scale, (y + shift) * scale, half * scale, score, side)
        return outputs

    def write(self, outputs, x, y, half, score, side):
        level, stride = (1, 16)
        for cell_x in (int(x // stride), int(x // stride) + 1):
            index = 2 * (int(y // stride) * (side // stride) + cell_x)
            cx, cy = cell_x * stride, int(y // stride) * stride
            outputs[level][index] = score if cell_x == int(x // stride) else 0.9 * score
            outputs[level + 3][index] = np.array([cx - x + half, cy - y + half, x + half - cx, y + half - cy]) / stride
            points = [(x + dx * half, y + dy * half) for dx, dy in POINTS]
            outputs[level + 6][index] = np.array([(px - cx, py - cy) for px, py in points]).ravel() / stride


POINTS = (faces.TEMPLATE - 56) / 56
"""Landmarks of an upright face, in half sides of its box."""


class Recogniser:
    """Gives back the mean of the left half and of the right half of what it sees, so that the input can be checked."""

    def get_inputs(self):
        return [types.SimpleNamespace(name="data")]

    def run(self, _, feeds):
        self.seen = feeds["data"]
        out = np.zeros((1, 512), np.float32)
        out[0, 0], out[0, 1] = self.seen[..., :56].mean(), self.seen[..., 56:].mean()
        return [out]


def make_image(size=(640, 480)):
    x, y = np.meshgrid(np.linspace(20, 250, size[0]), np.linspace(20, 250, size[1]))
    return Image.fromarray(np.stack([x, y, x], -1).astype(np.uint8))
