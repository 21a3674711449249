"""Noise: one CPU generator for each picture, so that a batch of two equals two single jobs."""

import torch

from modules import devices, shared


def create_generator(seed):
    return torch.Generator("cpu").manual_seed(int(seed))


def slerp(val, low, high):
    """Spherical interpolation of noise [C, H, W] from low (0) to high (1), along dim 1 as A1111 does."""
    low_unit = low / torch.norm(low, dim=1, keepdim=True)
    high_unit = high / torch.norm(high, dim=1, keepdim=True)
    dot = (low_unit * high_unit).sum(1)
    if dot.mean() > 0.9995:
        return low * val + high * (1 - val)
    omega = torch.acos(dot)
    sine = torch.sin(omega)
    return (torch.sin((1 - val) * omega) / sine).unsqueeze(1) * low + (torch.sin(val * omega) / sine).unsqueeze(1) * high


class ImageRNG:
    """Noise of `shape` [C, h, w] for each seed; the first `next()` honours subseeds and seed resizing."""

    def __init__(self, shape, seeds, subseeds=None, subseed_strength=0.0, seed_resize_from_h=0, seed_resize_from_w=0):
        self.shape = tuple(int(size) for size in shape)
        self.seeds, self.subseeds, self.subseed_strength = seeds, subseeds, subseed_strength
        self.seed_resize_from_h, self.seed_resize_from_w = seed_resize_from_h, seed_resize_from_w
        self.generators = [create_generator(seed) for seed in seeds]
        self.is_first = True

    def _first_of(self, index):
        seed, generator = self.seeds[index], self.generators[index]
        shape = self.shape
        if self.seed_resize_from_h > 0 and self.seed_resize_from_w > 0:
            shape = (shape[0], int(self.seed_resize_from_h) // 8, int(self.seed_resize_from_w) // 8)
        resized = shape != self.shape
        noise = torch.randn(shape, generator=create_generator(seed) if resized else generator)
        if self.subseeds is not None and self.subseed_strength != 0:
            subseed = self.subseeds[index] if index < len(self.subseeds) else 0
            noise = slerp(self.subseed_strength, noise, torch.randn(shape, generator=create_generator(subseed)))
        return _centred(noise, torch.randn(self.shape, generator=generator)) if resized else noise

    def first(self):
        noise = torch.stack([self._first_of(index) for index in range(len(self.seeds))])
        delta = shared.opts.eta_noise_seed_delta or 0
        if delta:
            self.generators = [create_generator(seed + delta) for seed in self.seeds]
        return noise.to(devices.device)

    def next(self):
        if self.is_first:
            self.is_first = False
            return self.first()
        return torch.stack([torch.randn(self.shape, generator=x) for x in self.generators]).to(devices.device)


def _centred(noise, canvas):
    """noise pasted into the middle of canvas, cropped where it is larger. Both [C, h, w]."""
    slices = []
    for size, full in zip(noise.shape[1:], canvas.shape[1:]):
        offset = (full - size) // 2
        width = size if offset >= 0 else size + 2 * offset
        slices.append((slice(max(offset, 0), max(offset, 0) + width), slice(max(-offset, 0), max(-offset, 0) + width)))
    (to_y, from_y), (to_x, from_x) = slices
    canvas[:, to_y, to_x] = noise[:, from_y, from_x]
    return canvas
