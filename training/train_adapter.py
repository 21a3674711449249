"""Trains the IP-Adapter and its image encoder; the UNet is frozen.

A scene's reference is another scene of its style: the same object colours, wall and light colour, but another shape,
pose and light direction. Colour words are dropped from most prompts, so that the colour must come from the image.
The image encoder is trained first (the real adapter starts from CLIP): it predicts the style's mean colours, and its
tokens imitate the text encoder's output for the object's colour, which the UNet understands already.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor, nn

from .adapters import add_processors
from .dataset import PER_STYLE, LatentSet, to_tensor
from .latents import add_noise, build_scheduler
from .loop import Plan, train
from .models import ImageProjection, build_vision
from .noising import draw_timesteps, weighted_loss
from .scenes import COLOUR_NAMES
from .tokenizer import token_ids

MEAN = (0.48145466, 0.4578275, 0.40821073)
STD = (0.26862954, 0.26130258, 0.27577711)
COLOUR_WORD = re.compile(r"\b(" + "|".join(COLOUR_NAMES) + r")\b ?")
GREY = 127


def vision_input(images: Tensor) -> Tensor:
    """Convert square images [B, 3, H, W], 0..1, to CLIP's normalised input of 224 px."""
    small = F.interpolate(images, (224, 224), mode="bicubic", antialias=True).clamp(0, 1)
    mean, std = (torch.tensor(v, device=images.device)[:, None, None] for v in (MEAN, STD))
    return (small - mean) / std


def mean_colours(folder: Path) -> Tensor:
    """Return standardised mean colours of wall and object, float32 [N, 6], which a style's scenes share."""
    maps = [np.load(folder / f"{k}.npy", mmap_mode="r") for k in ("target", "foreground", "background")]
    rows = []
    for at in range(0, len(maps[0]), 256):
        target, foreground, background = (torch.from_numpy(m[at:at + 256, ::4, ::4].astype(np.float32)) for m in maps)
        inside = ((foreground - GREY).abs().amax(-1, keepdim=True) > 8).float()
        of_object = (target * inside).sum((1, 2)) / inside.sum((1, 2)).clamp_min(1)
        rows.append(torch.cat([background.mean((1, 2)), of_object], 1))
    colours = torch.cat(rows)
    return (colours - colours.mean(0)) / colours.std(0)


@dataclass
class Reference:
    """One data set for the adapter's training."""

    data: LatentSet
    images: np.ndarray  # uint8 [N, H, W, 3]
    plain: Tensor  # token ids without colour words [N, PROMPTS, 77]
    colours: Tensor  # [N, 6]

    def draw(self, rows: Tensor, generator: torch.Generator, device: torch.device) -> Tensor:
        """Return another scene of each row's style as the image encoder's input."""
        step = torch.randint(1, PER_STYLE, rows.shape, generator=generator)
        other = rows // PER_STYLE * PER_STYLE + (rows % PER_STYLE + step) % PER_STYLE
        return vision_input(to_tensor(self.images[other.numpy()], device))


def open_reference(folder: Path, tokenizer, device: torch.device) -> Reference:
    data = LatentSet(folder, device)
    prompts = [COLOUR_WORD.sub("", p) for note in data.notes for p in note["prompts"]]
    plain = token_ids(tokenizer, prompts).reshape(len(data), -1, 77).to(device)
    return Reference(data, np.load(folder / "target.npy", mmap_mode="r"), plain, mean_colours(folder).to(device))


def colour_tokens(text: nn.Module, tokenizer, notes: list[dict]) -> Tensor:
    """Return the text encoder's output for "COLOUR clay ball ," in "a COLOUR clay ball, light", [N, 4, cross]."""
    device = next(text.parameters()).device
    with torch.no_grad():
        ids = token_ids(tokenizer, [f"a {c} clay ball, light" for c in COLOUR_NAMES]).to(device)
        hidden = text(ids).last_hidden_state[:, 2:6]
    return hidden[[COLOUR_NAMES.index(note["colour"]) for note in notes]]


def train_image_encoder(path: Path, vision: nn.Module, projection: nn.Module, text: nn.Module, tokenizer, source: Reference,
                        plan: Plan, device: torch.device) -> None:
    """Train the image encoder on the style's mean colours (its linear head is discarded) and the text's colour tokens."""
    wanted = colour_tokens(text, tokenizer, source.data.notes)
    head = nn.Linear(vision.config.projection_dim, 6).to(device)

    def draw_loss(done: float, generator: torch.Generator) -> Tensor:
        rows = torch.randint(len(source.data), (32,), generator=generator)
        embeds = vision(source.draw(rows, generator, device)).image_embeds
        return F.mse_loss(head(embeds), source.colours[rows]) + F.mse_loss(projection(embeds), wanted[rows])

    train(path, {"vision": vision, "projection": projection, "head": head}, plan, draw_loss, device)


def draw_batch(sets: list, empty: Tensor, done: float, batch: int, generator: torch.Generator, device: torch.device) -> tuple:
    """Return (set, rows, token ids [count, 77]): from the large images in the last third, some prompts plain, some empty."""
    use_large = done > 0.66 and float(torch.rand((), generator=generator)) < 0.4
    source = sets[use_large]
    count = max(1, batch // 4) if use_large else batch
    rows = torch.randint(len(source.data), (count,), generator=generator)
    which = torch.randint(source.plain.shape[1], (count,), generator=generator)
    chance = torch.rand(count, generator=generator)[:, None].to(device)
    ids = torch.where(chance < 0.7, source.plain[rows, which], source.data.tokens[rows, which])
    return source, rows, torch.where(chance < 0.15, empty, ids)


def train_adapter(runs: Path, unet: nn.Module, text: nn.Module, tokenizer, small: Path, large: Path, eyes: Plan,
                  plan: Plan, device: torch.device, batch: int = 32) -> tuple[nn.Module, nn.Module]:
    """Train and return (image encoder, projection); the attention processors stay on `unet`."""
    unet.requires_grad_(False)
    text.requires_grad_(False)
    sets = [open_reference(folder, tokenizer, device) for folder in (small, large)]
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(plan.seed)
        vision, projection = build_vision().to(device), ImageProjection().to(device)
    added = add_processors(unet)
    train_image_encoder(runs / "eyes.pt", vision, projection, text, tokenizer, sets[0], eyes, device)
    alphas = build_scheduler().alphas_cumprod
    empty = token_ids(tokenizer, [""])[0].to(device)

    def draw_loss(done: float, generator: torch.Generator) -> Tensor:
        source, rows, ids = draw_batch(sets, empty, done, batch, generator, device)
        embeds = vision(source.draw(rows, generator, device)).image_embeds
        embeds = embeds * (torch.rand(len(rows), 1, generator=generator) > 0.08).to(device)
        return denoising_loss(unet, text, ids, projection(embeds), source.data.draw(rows)[0], alphas, generator)

    train(runs / "adapter.pt", {"added": added, "projection": projection, "vision": vision}, plan, draw_loss, device)
    return vision, projection


def denoising_loss(unet: nn.Module, text: nn.Module, ids: Tensor, image_tokens: Tensor, target: Tensor, alphas: Tensor,
                   generator: torch.Generator) -> Tensor:
    """The weighted loss of one batch. target: latents [count, 4, h, w]; timesteps are mostly noisy ones."""
    t = draw_timesteps(len(target), generator, first=550, share=0.6)
    noise = torch.randn(target.shape, generator=generator).to(target.device)
    alpha_bar = alphas[t].to(target.device)
    with torch.no_grad():
        hidden = text(ids).last_hidden_state
    noisy = add_noise(target, noise, alpha_bar).contiguous(memory_format=torch.channels_last)
    return weighted_loss(unet(noisy, t.to(target.device), (hidden, [image_tokens])).sample, noise, alpha_bar)
