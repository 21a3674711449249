"""Start noise: one CPU generator for each image, so that a batch of two equals two single jobs on every device."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Generator, Tensor

NEARLY_PARALLEL = 0.9995
"""Mean cosine above which noises are mixed linearly."""


def seeded(seed: int) -> Generator:
    return Generator("cpu").manual_seed(int(seed))


def noise_like(x: Tensor, generators: Sequence[Generator]) -> Tensor:
    """Return standard normal noise like x [B, C, h, w], row i from generator i."""
    return torch.stack([torch.randn(x.shape[1:], generator=generator) for generator in generators]).to(x)


def slerp(weight: float, low: Tensor, high: Tensor) -> Tensor:
    """Interpolate noise [C, h, w] on the sphere from low (weight 0) to high (1), along dim 1 as A1111 does.

    Formula: Shoemake (1985).
    """
    cosine = ((low / low.norm(dim=1, keepdim=True)) * (high / high.norm(dim=1, keepdim=True))).sum(dim=1)
    if cosine.mean() > NEARLY_PARALLEL:
        return weight * low + (1 - weight) * high
    angle = cosine.acos()
    parts = (torch.sin(share * angle) / torch.sin(angle) for share in (1 - weight, weight))
    return sum(part.unsqueeze(1) * noise for part, noise in zip(parts, (low, high)))


class ImageNoise:
    """The noise of a batch: `next()` gives float32 [B, C, h, w], first the seeds' own, then further draws.

    shape: (C, h, w) in latent pixels; seeds, subseeds: one for each image. subseed_strength mixes in the subseeds' noise,
    0..1. resize_from: (h, w) in latent pixels of the size whose noise is placed in the middle, or None. seed_delta: added
    to the seeds of the noise that samplers draw after the first.
    """

    def __init__(self, shape: Sequence[int], seeds: Sequence[int], subseeds: Sequence[int] = (), subseed_strength: float = 0.0,
                 resize_from: tuple[int, int] | None = None, seed_delta: int = 0, device: torch.device | str = "cpu"):
        self.shape = tuple(int(size) for size in shape)
        self.seeds, self.subseeds, self.subseed_strength = seeds, subseeds, subseed_strength
        self.resize_from, self.seed_delta, self.device = resize_from, seed_delta, device
        self.generators = [seeded(seed) for seed in seeds]
        self._started = False

    def resized(self, shape: Sequence[int]) -> ImageNoise:
        """Return the noise of the same seeds in another shape, from its start."""
        return ImageNoise(shape, self.seeds, self.subseeds, self.subseed_strength, self.resize_from, self.seed_delta, self.device)

    def next(self) -> Tensor:
        if self._started:
            return torch.stack([self._draw(generator) for generator in self.generators]).to(self.device)
        self._started = True
        noise = torch.stack([self._first(index) for index in range(len(self.seeds))])
        if self.seed_delta:
            self.generators = [seeded(seed + self.seed_delta) for seed in self.seeds]
        return noise.to(self.device)

    def _first(self, index: int) -> Tensor:
        generator, shape = self.generators[index], self.shape
        if self.resize_from:
            shape = (shape[0], *self.resize_from)
        resized = shape != self.shape
        noise = torch.randn(shape, generator=seeded(self.seeds[index])) if resized else self._draw(generator)
        if self.subseeds and self.subseed_strength:
            subseed = self.subseeds[index] if index < len(self.subseeds) else 0
            noise = slerp(self.subseed_strength, noise, torch.randn(shape, generator=seeded(subseed)))
        return centered(noise, self._draw(generator)) if resized else noise

    def _draw(self, generator: Generator) -> Tensor:
        return torch.randn(self.shape, generator=generator)


def centered(noise: Tensor, canvas: Tensor) -> Tensor:
    """Place noise in the middle of canvas, cropped where it is larger. Both [C, h, w]; returns canvas."""
    targets, sources = [slice(None)], [slice(None)]
    for size, full in zip(noise.shape[1:], canvas.shape[1:]):
        offset = (full - size) // 2
        length = size if offset >= 0 else size + 2 * offset
        for slices, start in ((targets, max(offset, 0)), (sources, max(-offset, 0))):
            slices.append(slice(start, start + length))
    canvas[tuple(targets)] = noise[tuple(sources)]
    return canvas
