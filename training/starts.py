"""Initial weights that already perform a simple task, so that little training is needed.

Both networks carry a signal x past all residual branches as the pair (+x, -x), beside constants +k and -k that fix the
last GroupNorm's scale: after it SiLU(x) - SiLU(-x) = x, so the last convolution can output x linearly.
"""

from __future__ import annotations

import torch
from diffusers import AutoencoderKL, UNet2DConditionModel
from torch import nn

COLOURS = 3
CARRIED = 4 * COLOURS  # channels that hold (+c, -c, +k, -k) for c = R, G, B


def silence(conv: nn.Module, rows: slice = slice(None)) -> None:
    conv.weight[rows].zero_()
    conv.bias[rows].zero_()


def carry_straight(conv: nn.Conv2d) -> None:
    """Set a 1x1 convolution to copy the carried channels."""
    silence(conv, slice(CARRIED))
    for c in range(CARRIED):
        conv.weight[c, c] = 1


def carry_down(conv: nn.Conv2d) -> None:
    """Set a strided 3x3 convolution to average 2x2 pixels of the carried channels."""
    silence(conv, slice(CARRIED))
    for c in range(CARRIED):
        conv.weight[c, c, :2, :2] = 0.25


def carry_up(conv: nn.Conv2d) -> None:
    """Set a 3x3 convolution to smooth the colours after upsampling and keep the constants."""
    silence(conv, slice(CARRIED))
    line = torch.tensor([1.0, 2.0, 1.0]) / 4
    for c in range(CARRIED):
        if c % 4 < 2:
            conv.weight[c, c] = line[:, None] * line[None, :]
        else:
            conv.weight[c, c, 1, 1] = 1


def carry_through(vae: AutoencoderKL) -> None:
    for name, module in vae.named_modules():
        if name.endswith((".conv2", ".to_out.0")):
            silence(module)
        elif name.endswith(".conv_shortcut"):
            carry_straight(module)
        elif name.endswith(".downsamplers.0.conv"):
            carry_down(module)
        elif name.endswith(".upsamplers.0.conv"):
            carry_up(module)
    last = vae.encoder.down_blocks[2]  # the rest of the encoder's final group must not shift the group's mean
    for conv in (last.resnets[0].conv_shortcut, last.downsamplers[0].conv):
        silence(conv, slice(CARRIED, CARRIED + 4))


def hold_scale(vae: AutoencoderKL, k: float) -> None:
    """Let the last residual blocks add the constants, and the last norms compensate the constants' effect on the scale."""
    for conv in (vae.encoder.mid_block.resnets[-1].conv2, vae.decoder.up_blocks[3].resnets[-1].conv2):
        for c in range(COLOURS):
            conv.bias[4 * c + 2], conv.bias[4 * c + 3] = k, -k
    vae.encoder.conv_norm_out.weight[:CARRIED] = ((6 * k * k + 4) / 16) ** 0.5
    vae.decoder.conv_norm_out.weight[:CARRIED] = ((k * k + 0.3) / 2) ** 0.5
    for norm in (vae.encoder.conv_norm_out, vae.decoder.conv_norm_out):
        for c in range(COLOURS):
            norm.weight[4 * c + 2:4 * c + 4] = 0.1  # the constants are not needed further on


@torch.no_grad()
def start_vae(vae: AutoencoderKL, k: float = 10.0) -> None:
    """Initialise the VAE to: latent = rotated mean colour of each 8x8 block, decoded by smooth upsampling.

    Three latent channels hold luma and two chromas, the fourth is free.
    """
    carry_through(vae)
    hold_scale(vae, k)
    rotate = torch.tensor([[1.0, 1, 1], [1, 0, -1], [1, -2, 1]])
    rotate = rotate / rotate.norm(dim=1, keepdim=True) * torch.tensor([[1.0], [2.5], [2.5]])
    back = torch.cat([torch.linalg.inv(rotate), torch.zeros(COLOURS, 1)], 1)
    encoder, decoder = vae.encoder, vae.decoder
    for conv, colours in ((encoder.conv_in, torch.eye(COLOURS)), (decoder.conv_in, back)):
        silence(conv, slice(CARRIED))
        for c in range(COLOURS):
            conv.weight[4 * c, :, 1, 1], conv.weight[4 * c + 1, :, 1, 1] = colours[c], -colours[c]
    for conv in (encoder.conv_out, decoder.conv_out):
        conv.weight.mul_(0.2)
        conv.weight[:, :CARRIED].zero_()
        conv.bias.zero_()
    for c in range(COLOURS):
        decoder.conv_out.weight[c, 4 * c, 1, 1], decoder.conv_out.weight[c, 4 * c + 1, 1, 1] = 1, -1
        for sign, channel in ((1, 4 * c), (-1, 4 * c + 1)):
            encoder.conv_out.weight[:COLOURS, channel, 1, 1] = sign * rotate[:, c]
    encoder.conv_out.bias[4:] = -4
    for conv in (vae.quant_conv, vae.post_quant_conv):
        conv.weight.copy_(torch.eye(len(conv.weight))[:, :, None, None])
        conv.bias.zero_()


@torch.no_grad()
def start_unet(unet: UNet2DConditionModel, k: float = 6.0) -> None:
    """Initialise the UNet to: epsilon = the noisy input, with every residual branch zero.

    The last residual block takes the noisy latent from conv_in's skip connection.
    """
    for name, module in unet.named_modules():
        if name.endswith((".conv2", ".proj_out", ".to_out.0", ".ff.net.2")):
            silence(module)
    conv_in, short = unet.conv_in, unet.up_blocks[3].resnets[2].conv_shortcut
    silence(conv_in, slice(4))
    silence(short, slice(16))
    skip = short.in_channels - conv_in.out_channels  # the skip's channels come after the hidden ones
    unet.conv_out.weight.mul_(0.1)
    unet.conv_out.bias.zero_()
    unet.conv_out.weight[:, :16].zero_()
    for g in range(4):
        conv_in.weight[g, g, 1, 1] = 1
        short.weight[4 * g, skip + g], short.weight[4 * g + 1, skip + g] = 1, -1
        short.bias[4 * g + 2], short.bias[4 * g + 3] = k, -k
        unet.conv_norm_out.weight[4 * g:4 * g + 2] = ((k * k + 1) / 2) ** 0.5
        unet.conv_norm_out.weight[4 * g + 2:4 * g + 4] = 0.1
        unet.conv_out.weight[g, 4 * g, 1, 1], unet.conv_out.weight[g, 4 * g + 1, 1, 1] = 1, -1
