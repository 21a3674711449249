"""U²-Net-p, the small U²-Net, as a torch module, with the pre- and post-processing of rembg's u2netp session.

Architecture: Qin et al., "U²-Net: Going Deeper with Nested U-Structure for Salient Object Detection", Pattern Recognition 106
(2020), figures 2 and 5 and table 1; the small version has 16 middle and 64 outer channels in every block. Batch norms are
folded into the convolutions, as in the published ONNX file. 1,125,485 parameters.
"""

from __future__ import annotations

import numpy as np
import torch
from PIL import Image
from torch import Tensor, nn
from torch.nn import functional

OUTER, MIDDLE = 64, 16
DOWN_DEPTHS = (7, 6, 5, 4)
"""Levels of the pooled blocks from the outside in; two dilated blocks of depth 4 follow, the second of them the bottom."""
SIDE = 320
"""Input and output side in pixels."""
MEAN, STD = (0.485, 0.456, 0.406), (0.229, 0.224, 0.225)


class ConvRelu(nn.Conv2d):
    """A 3x3 convolution that keeps the size, and ReLU."""

    def __init__(self, inputs: int, outputs: int, dilation: int = 1):
        super().__init__(inputs, outputs, 3, padding=dilation, dilation=dilation)

    def forward(self, x: Tensor) -> Tensor:
        return functional.relu(super().forward(x), inplace=True)


def pooled(x: Tensor) -> Tensor:
    return functional.max_pool2d(x, 2, stride=2, ceil_mode=True)


def resized(x: Tensor, like: Tensor) -> Tensor:
    return functional.interpolate(x, size=like.shape[2:], mode="bilinear", align_corners=False)


class ResidualUBlock(nn.Module):
    """RSU: a small U-Net with a residual connection, [B, inputs, H, W] -> [B, 64, H, W].

    depth: number of levels. dilated: RSU-4F, which doubles the dilation at each level instead of pooling.
    """

    def __init__(self, inputs: int, depth: int, dilated: bool = False):
        super().__init__()
        dilations = [2**level if dilated else 1 for level in range(depth - 1)]
        widths = [OUTER, *[MIDDLE] * (depth - 1)]
        self.dilated = dilated
        self.entry = ConvRelu(inputs, OUTER)
        self.down = nn.ModuleList(ConvRelu(width, MIDDLE, dilation) for width, dilation in zip(widths, dilations))
        self.bottom = ConvRelu(MIDDLE, MIDDLE, 2 ** (depth - 1) if dilated else 2)
        self.up = nn.ModuleList(ConvRelu(2 * MIDDLE, width, dilation)
                                for width, dilation in zip(reversed(widths[:-1]), reversed(dilations)))

    def forward(self, x: Tensor) -> Tensor:
        x = entry = self.entry(x)
        skips = []
        for level, convolution in enumerate(self.down):
            x = convolution(pooled(x) if level and not self.dilated else x)
            skips.append(x)
        x = self.bottom(x)
        for convolution, skip in zip(self.up, reversed(skips)):
            x = convolution(torch.cat([resized(x, skip), skip], dim=1))
        return x + entry


class U2NetP(nn.Module):
    """[B, 3, H, W] normalised -> [B, 1, H, W], 0..1. The modules are registered in the order in which they run."""

    def __init__(self):
        super().__init__()
        self.down = nn.ModuleList([*(ResidualUBlock(OUTER if level else 3, depth) for level, depth in enumerate(DOWN_DEPTHS)),
                                   ResidualUBlock(OUTER, 4, dilated=True), ResidualUBlock(OUTER, 4, dilated=True)])
        self.up = nn.ModuleList([ResidualUBlock(2 * OUTER, 4, dilated=True),
                                 *(ResidualUBlock(2 * OUTER, depth) for depth in reversed(DOWN_DEPTHS))])
        self.sides = nn.ModuleList(nn.Conv2d(OUTER, 1, 3, padding=1) for _ in self.down)
        self.fuse = nn.Conv2d(len(self.sides), 1, 1)

    def forward(self, x: Tensor) -> Tensor:
        skips = []
        for level, block in enumerate(self.down):
            x = block(pooled(x) if level else x)
            skips.append(x)
        outputs = [x]
        for block, skip in zip(self.up, reversed(skips[:-1])):
            x = block(torch.cat([resized(x, skip), skip], dim=1))
            outputs.insert(0, x)
        maps = [side(output) for side, output in zip(self.sides, outputs)]
        return torch.sigmoid(self.fuse(torch.cat([resized(each, maps[0]) for each in maps], dim=1)))


def build(tensors: dict[str, Tensor]) -> U2NetP:
    """Return the network with these weights, named as in its state dict. Raises RuntimeError if they do not fit."""
    network = U2NetP()
    network.load_state_dict({name: tensor.float() for name, tensor in tensors.items()})
    return network.eval().requires_grad_(False)


def named_as_here(tensors: dict[str, np.ndarray]) -> dict[str, Tensor]:
    """Return an ONNX file's tensors under the names of U2NetP's state dict; only the number is checked.

    The file names its first 112 convolutions by rising numbers in the order in which they run, the last seven by words.
    """
    numbered = sorted((name for name in tensors if name.isdigit()), key=int)
    worded = [f"{layer}.{kind}" for layer in (*(f"side{n}" for n in range(1, 7)), "outconv") for kind in ("weight", "bias")]
    names = U2NetP().state_dict()
    return {name: torch.from_numpy(tensors[own]) for name, own in zip(names, [*numbered, *worded], strict=True)}


def to_input(image: Image.Image) -> np.ndarray:
    """Return the network's input, float32 [1, 3, 320, 320]: the image stretched, divided by its maximum and normalised."""
    pixels = np.asarray(image.convert("RGB").resize((SIDE, SIDE), Image.LANCZOS))
    normalised = (pixels / max(pixels.max(), 1e-6) - MEAN) / STD
    return normalised.transpose(2, 0, 1)[None].astype(np.float32)


def predict(network: U2NetP, image: Image.Image) -> np.ndarray:
    """Return the matte, uint8 [H, W] of the image's size, stretched to 0..255 as rembg's session does."""
    with torch.inference_mode():
        output = network(torch.from_numpy(to_input(image)))[0, 0].numpy()
    stretched = (output - output.min()) / max(float(output.max() - output.min()), 1e-6)
    matte = Image.fromarray((stretched * 255).astype(np.uint8))
    return np.asarray(matte.resize(image.size, Image.LANCZOS))
