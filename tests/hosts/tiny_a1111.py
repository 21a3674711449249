"""A small UNet, called as A1111 calls its own, with and without patches."""

from types import SimpleNamespace

import torch
from sd_relight.lib_relight.hosts.a1111 import A1111Host
from sd_relight.lib_relight.hosts.a1111_unet import CONV_IN, Unet, applied
from torch import nn


class Attention(nn.Module):
    heads = 2

    def __init__(self):
        super().__init__()
        self.to_q, self.to_k = nn.Linear(8, 8, bias=False), nn.Linear(6, 8, bias=False)
        self.to_out = nn.Sequential(nn.Linear(8, 8), nn.Dropout(0.0))

    def forward(self, x, context=None):
        return self.to_out(self.to_q(x) + self.to_k(context).mean(1, keepdim=True))


class Transformer(nn.Module):
    def __init__(self):
        super().__init__()
        block = nn.Module()
        block.attn2 = Attention()
        self.transformer_blocks = nn.ModuleList([block])

    def forward(self, x, context):
        tokens = x.flatten(2).transpose(1, 2)
        tokens = self.transformer_blocks[0].attn2(tokens, context=context)
        return tokens.transpose(1, 2).reshape(x.shape)


class TinyUnet(nn.Module):
    in_channels = 4

    def __init__(self):
        super().__init__()
        self.input_blocks = nn.ModuleList([nn.Sequential(nn.Conv2d(4, 8, 3, padding=1)), nn.ModuleList([Transformer()])])

    def forward(self, x, timesteps, context=None):
        return self.input_blocks[1][0](self.input_blocks[0](x), context)


class Denoiser(nn.Module):
    """Calls the UNet as A1111's CFGDenoiser does: prompts first, negative prompts after, at once or in slices."""

    def __init__(self, unet, slices=1):
        super().__init__()
        self.unet, self.slices = unet, slices

    def forward(self, x, sigma, uncond, cond):
        repeats = [len(parts) for parts in cond.batch]
        rows = torch.cat([*(image[None] for image, count in zip(x, repeats) for _ in range(count)), x])
        context = torch.ones(len(rows), 3, 6)
        pairs = zip(rows.chunk(self.slices), context.chunk(self.slices))
        return torch.cat([self.unet(part, sigma[0], context=text) for part, text in pairs])


class Lora:
    """What the host's LoRAs are asked; by default there are none."""

    def __init__(self, settle=lambda layer: None):
        self.settle, self.strength = settle, 0.0

    def state(self):
        return self.strength


def run(model, unet=None, repeats=(1, 1), slices=1, lora=None):
    x = torch.randn(len(repeats), 4, 5, 6, generator=torch.Generator().manual_seed(1))
    denoiser = Denoiser(model, slices)
    cond = SimpleNamespace(batch=[[None] * count for count in repeats])
    arguments = {"uncond": None, "cond": cond}
    if unet is None:
        with torch.no_grad():
            return denoiser(x, torch.ones(len(x)), **arguments)
    with applied(unet, denoiser, lambda level: level, lora or Lora()):
        return denoiser(x, torch.ones(len(x)), **arguments)


def deltas(channels=8):
    generator = torch.Generator().manual_seed(2)
    return {CONV_IN: torch.randn(8, channels, 3, 3, generator=generator),
            "input_blocks.1.0.transformer_blocks.0.attn2.to_q.weight": torch.randn(8, 8, generator=generator).half()}


def patched(model, channels=8, batch=2):
    unet = Unet(model)
    assert A1111Host().add_weight_deltas(unet, deltas(channels), "name") == 2
    unet.concat = torch.randn(batch, channels - 4, 5, 6, generator=torch.Generator().manual_seed(3))
    return unet
