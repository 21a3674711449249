"""Makes noise images for the unconditional side from the reference, with its colours but not its shapes.

The kinds of ComfyUI_IPAdapter_plus, in torch alone. The seed comes from the image, so that jobs are reproducible.
"""

from __future__ import annotations

import numpy as np
import torch
import torch.nn.functional as F
from PIL import Image
from torch import Tensor

from ..errors import IpAdapterError
from ..params import NOISES


def noise_image(image: Image.Image, kind: str = "fade", strength: float = 1.0, blur: int = 0) -> Image.Image:
    """Return a noisy RGB copy of the same size. strength: 0..1, 0 changes nothing (but shuffle still moves parts). blur: px."""
    pixels = torch.from_numpy(np.asarray(image.convert("RGB")).astype(np.float32) / 255).permute(2, 0, 1)[None]
    generator = torch.Generator().manual_seed(int(pixels.double().sum()) % 1_000_000_007)
    noisy = add_noise(pixels, kind, strength, generator)
    if blur:
        noisy = gaussian_blur(noisy, 2 * blur + 1, 0.3 * (blur - 1) + 0.8)
    levels = (noisy.clamp(0, 1) * 255).round().to(torch.uint8)
    return Image.fromarray(levels[0].permute(1, 2, 0).numpy())


def add_noise(pixels: Tensor, kind: str, strength: float, generator: torch.Generator) -> Tensor:
    """Add noise to pixels, float [1, 3, H, W] in 0..1; returns the same shape, clamped. Raises IpAdapterError for other kinds."""
    if kind not in NOISES:
        raise IpAdapterError(f"`noise` is {kind!r}; choose one of {', '.join(NOISES)}.")
    if kind == "fade":
        noisy = pixels * (1 - strength) + uniform(pixels, generator) * strength
    elif kind == "dissolve":
        chosen = uniform(pixels[:, :1], generator) < strength
        noisy = torch.where(chosen, uniform(pixels, generator), pixels)
    elif kind == "gaussian":
        noisy = pixels + strength * normal(pixels, generator)
    else:
        moved = elastic(pixels, 75.0, (1 - strength) * 3.5, generator).flip(2).flip(3)
        grain = 0.75 * strength * normal(pixels, generator)
        noisy = moved * (1 - grain) + grain
    return noisy.clamp(0, 1)


def uniform(like: Tensor, generator: torch.Generator) -> Tensor:
    return torch.rand(like.shape, generator=generator)


def normal(like: Tensor, generator: torch.Generator) -> Tensor:
    return torch.randn(like.shape, generator=generator)


def elastic(pixels: Tensor, alpha: float, sigma: float, generator: torch.Generator) -> Tensor:
    """Move every pixel by a random field, blurred by sigma and scaled by alpha (in pixels); black outside the image.

    Same arithmetic as torchvision's ElasticTransform: two fields in -1..1, each over its side's length.
    """
    height, width = pixels.shape[-2:]
    fields = [2 * torch.rand(1, 1, height, width, generator=generator) - 1 for _ in range(2)]
    if sigma > 0:
        kernel = int(8 * sigma + 1) | 1
        fields = [gaussian_blur(f, kernel, sigma) for f in fields]
    move = torch.cat([fields[0] * alpha / height, fields[1] * alpha / width], 1).permute(0, 2, 3, 1)
    ys, xs = (torch.linspace((1 - n) / n, (n - 1) / n, n) for n in (height, width))
    grid = torch.stack(torch.meshgrid(ys, xs, indexing="ij")[::-1], -1)[None]
    return F.grid_sample(pixels, grid + move, mode="bilinear", padding_mode="zeros", align_corners=False)


def gaussian_blur(pixels: Tensor, kernel: int, sigma: float) -> Tensor:
    """Separable Gaussian with `kernel` taps (odd) and mirrored edges. pixels: [1, C, H, W]."""
    kernel = min(kernel, 2 * min(pixels.shape[-2:]) - 1)
    half = kernel // 2
    taps = torch.exp(-0.5 * (torch.arange(-half, half + 1) / sigma) ** 2)
    taps = taps / taps.sum()
    channels = pixels.shape[1]
    pixels = F.pad(pixels, (half, half, half, half), mode="reflect")
    pixels = F.conv2d(pixels, taps.view(1, 1, 1, -1).expand(channels, 1, 1, -1), groups=channels)
    return F.conv2d(pixels, taps.view(1, 1, -1, 1).expand(channels, 1, -1, 1), groups=channels)
