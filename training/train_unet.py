"""Trains the UNet on latents: jointly (text to image, fc and fbc in one 12-channel network), then each variant."""

from __future__ import annotations

from pathlib import Path

import torch
from torch import Tensor, nn

from .dataset import LatentSet
from .latents import add_noise, build_scheduler
from .loop import Plan, train
from .models import EXTRA_CHANNELS, widened
from .noising import draw_timesteps, path_shift, step_errors, weighted_loss

FC_SHARE, FBC_SHARE = 0.45, 0.25  # of the joint training; the rest is text to image
LARGE_FROM, LARGE_SHARE = 0.5, 0.5  # images of 256 px join after this share of the training
PATH_SHARE = {"joint": 0.25, "base": 0.0, "fc": 0.5, "fbc": 0.1}
ERROR_SIZE = {"joint": 0.0, "base": 0.1, "fc": 0.1, "fbc": 0.1}
WALL_START = 0.35  # share of the paths that start from the bare wall instead of a gradient


def condition(kind: str, foreground: Tensor, background: Tensor, generator: torch.Generator) -> list[Tensor]:
    """Return the concatenated latents of one batch; for the joint network they are zero for a share of the rows."""
    if kind == "joint":
        draw = torch.rand(len(foreground), 1, 1, 1, generator=generator).to(foreground.device)
        plain = 1 - FC_SHARE - FBC_SHARE
        return [foreground * (draw > plain), background * (draw > plain + FC_SHARE)]
    return [foreground, background][:EXTRA_CHANNELS[kind] // 4]


def path_start(data: LatentSet, rows: Tensor, background: Tensor, generator: torch.Generator) -> Tensor:
    """Return the init latent of an img2img run: IC-Light's gradient for the scene's light, or the bare wall."""
    wall = (torch.rand(len(rows), 1, 1, 1, generator=generator) < WALL_START).to(background.device)
    return torch.where(wall, background, data.ramps[data.ramp_of[rows]].float())


def draw_batch(kind: str, data: LatentSet, count: int, generator: torch.Generator, alphas: Tensor):
    """Draw network input [B, C, h, w], timesteps, noise to predict, alpha_bar, token ids: all on the data's device."""
    device = data.latents.device
    rows = torch.randint(len(data), (count,), generator=generator)
    which = torch.randint(data.tokens.shape[1], (count,), generator=generator)
    target, foreground, background = data.draw(rows)
    t = draw_timesteps(count, generator)
    noise = torch.randn(target.shape, generator=generator)
    if PATH_SHARE[kind]:
        start = path_start(data, rows, background, generator).cpu()
        noise = noise + path_shift(alphas, t, target.cpu(), start, PATH_SHARE[kind], generator)
    if ERROR_SIZE[kind]:
        noise = noise + step_errors(alphas, t, target, ERROR_SIZE[kind], generator)
    noise, alpha_bar = noise.to(device), alphas[t].to(device)
    noisy = add_noise(target, noise, alpha_bar)
    x = torch.cat([noisy, *condition(kind, foreground, background, generator)], 1)
    return x, t.to(device), noise, alpha_bar, data.tokens[rows, which]


def train_unet(kind: str, path: Path, unet: nn.Module, text: nn.Module, small: Path, large: Path, plan: Plan,
               device: torch.device, batch: int = 32) -> None:
    """Train a UNet. kind: joint (trains the text encoder too), base, fc, fbc. small, large: folders of encoded data sets."""
    joint = kind == "joint"
    text.requires_grad_(joint)
    unet.to(memory_format=torch.channels_last).train()
    sets = [LatentSet(folder, device) for folder in (small, large)]
    alphas = build_scheduler().alphas_cumprod

    def draw_loss(done: float, generator: torch.Generator) -> Tensor:
        use_large = done > LARGE_FROM and float(torch.rand((), generator=generator)) < LARGE_SHARE
        count = max(1, batch // 4) if use_large else batch
        x, t, noise, alpha_bar, ids = draw_batch(kind, sets[use_large], count, generator, alphas)
        with torch.set_grad_enabled(joint):
            hidden = text(ids).last_hidden_state
        predicted = unet(x.contiguous(memory_format=torch.channels_last), t, hidden).sample
        return weighted_loss(predicted, noise, alpha_bar)

    modules = {"unet": unet, "text": text} if joint else {"unet": unet}
    train(path, modules, plan, draw_loss, device)
    unet.eval()


def variant_start(joint: dict[str, Tensor], kind: str) -> dict[str, Tensor]:
    """Return a variant's initial state: the joint network without the input channels that the variant lacks."""
    weight = joint["conv_in.weight"]
    channels = 4 + EXTRA_CHANNELS[kind]
    cut = weight[:, :channels].clone() if weight.shape[1] >= channels else widened(weight, channels)
    return {**joint, "conv_in.weight": cut}
