"""Trains the VAE on crops of the renders, light gradients, and photographs or noise with a photograph's spectrum."""

from __future__ import annotations

import math
from pathlib import Path

import numpy as np
import torch
from diffusers import AutoencoderKL
from PIL import Image
from torch import Tensor

from .latents import SCALING
from .loop import Plan, train
from .rendering import light_ramp, to_uint8
from .scenes import DIRECTIONS

OTHER_SHARE, RAMP_SHARE = 0.25, 0.03
KINDS = (("target", 0.72), ("foreground", 0.2), ("background", 0.08))
KL_WEIGHT = 5e-4
EDGE_WEIGHT = 0.5


def natural_noise(rng: np.random.Generator, size: int) -> np.ndarray:
    """Draw colour noise with the 1/f spectrum of photographs, correlated over the channels, uint8 [size, size, 3]."""
    frequency = np.hypot(np.fft.fftfreq(size)[:, None], np.fft.rfftfreq(size)[None, :])
    frequency[0, 0] = 1 / size
    planes = [np.fft.irfft2(np.fft.rfft2(rng.normal(size=(size, size))) / frequency ** rng.uniform(0.8, 1.3))
              for _ in range(3)]
    planes = np.stack([p / p.std() for p in planes], -1)
    mixed = planes[..., :1] + planes * rng.uniform(0.1, 0.6)
    return np.clip(rng.uniform(60, 190) + mixed * rng.uniform(15, 60), 0, 255).astype(np.uint8)


def load_images(folder: Path | None) -> list[np.ndarray]:
    """Load the folder's photographs at no more than 640 px per side, uint8 [H, W, 3] each."""
    images = []
    for path in sorted(folder.iterdir()) if folder else []:
        if path.suffix.lower() in (".png", ".jpg", ".jpeg", ".webp"):
            image = Image.open(path).convert("RGB")
            image.thumbnail((640, 640), Image.LANCZOS)
            images.append(np.array(image))
    return images


class Crops:
    """Random square crops: `small` and `large` are folders of rendered data sets."""

    def __init__(self, small: Path, large: Path, photos: Path | None) -> None:
        self.renders = [(np.load(folder / f"{kind}.npy", mmap_mode="r"), share * weight)
                        for folder, weight in ((small, 0.6), (large, 0.4)) for kind, share in KINDS]
        self.shares = np.cumsum([share for _, share in self.renders])
        self.photos = load_images(photos)
        self.ramps = list(to_uint8(torch.cat([light_ramp(a, 256) for a in DIRECTIONS.values()])))

    def source(self, rng: np.random.Generator, size: int) -> np.ndarray:
        draw = rng.random()
        if draw < OTHER_SHARE:
            return self.photos[int(rng.integers(len(self.photos)))] if self.photos else natural_noise(rng, size)
        if draw < OTHER_SHARE + RAMP_SHARE:
            step = int(rng.integers(1, 3))
            return self.ramps[int(rng.integers(4))][::step, ::step]
        which = int(np.searchsorted(self.shares, rng.random() * self.shares[-1]))
        array = self.renders[which][0]
        return array[int(rng.integers(len(array)))]

    def one(self, rng: np.random.Generator, size: int) -> np.ndarray:
        image = self.source(rng, size)
        side = min(size, *image.shape[:2])
        y, x = (int(rng.integers(n - side + 1)) for n in image.shape[:2])
        crop = np.ascontiguousarray(image[y:y + side, x:x + side])
        if side < size:
            crop = np.array(Image.fromarray(crop).resize((size, size), Image.BICUBIC))
        return crop[:, ::-1] if rng.random() < 0.5 else crop

    def batch(self, generator: torch.Generator, count: int, size: int) -> Tensor:
        """Draw a batch, float32 [count, 3, size, size], -1..1."""
        rng = np.random.default_rng(int(torch.randint(2**31, (), generator=generator)))
        crops = np.ascontiguousarray(np.stack([self.one(rng, size) for _ in range(count)]))
        return torch.from_numpy(crops).permute(0, 3, 1, 2).float() / 127.5 - 1


def vae_loss(vae: AutoencoderKL, x: Tensor) -> Tensor:
    posterior = vae.encode(x).latent_dist
    error = vae.decode(posterior.sample()).sample - x
    edges = sum(error.diff(dim=axis).abs().mean() for axis in (2, 3))
    divergence = 0.5 * (posterior.mean.pow(2) + posterior.var - 1 - posterior.logvar).mean()
    return error.abs().mean() + error.pow(2).mean() + EDGE_WEIGHT * edges + KL_WEIGHT * divergence


@torch.no_grad()
def fold_scale(vae: AutoencoderKL, images: Tensor) -> None:
    """Move the latents' mean and scale into the 1x1 convolutions, so that latent * SCALING has mean 0 and std 1.

    images: [N, 3, H, W], -1..1. The VAE's reconstruction does not change.
    """
    z = torch.cat([vae.encode(p).latent_dist.mean for p in images.split(8)])
    mean = z.mean((0, 2, 3))
    factor = float(1 / (SCALING * (z - mean[:, None, None]).pow(2).mean().sqrt()))
    quant, post = vae.quant_conv, vae.post_quant_conv
    quant.weight[:4] *= factor
    quant.bias[:4] = (quant.bias[:4] - mean) * factor
    quant.bias[4:] += 2 * math.log(factor)
    post.bias += post.weight[:, :, 0, 0] @ mean
    post.weight /= factor


def train_vae(path: Path, vae: AutoencoderKL, small: Path, large: Path, plan: Plan, device: torch.device,
              photos: Path | None = None) -> None:
    """Train the VAE and scale its latents; `path` holds the state before scaling, so that a finished run scales alike."""
    vae.to(device, memory_format=torch.channels_last)
    crops = Crops(small, large, photos)

    def draw_loss(done: float, generator: torch.Generator) -> Tensor:
        whole = done > 0.75 and float(torch.rand((), generator=generator)) < 0.33
        x = crops.batch(generator, 4, 128) if whole else crops.batch(generator, 16, 64)
        return vae_loss(vae, x.to(device).contiguous(memory_format=torch.channels_last))

    train(path, {"vae": vae}, plan, draw_loss, device)
    vae.eval()
    targets = np.load(small / "target.npy", mmap_mode="r")[:256]
    fold_scale(vae, torch.from_numpy(targets).to(device).permute(0, 3, 1, 2).float() / 127.5 - 1)
