"""Builds tiny networks of SD 1.5's topology, and weight files from them."""

import json
import struct
from functools import cache

import torch
from diffusers import UNet2DConditionModel
from safetensors.torch import save_file
from sd_relight.lib_iclight.keymap import unet_key_map


def tiny_unet(in_channels=4, seed=0):
    """A random UNet with all 686 tensors of SD 1.5 at small widths; biases and norms are random, too."""
    torch.manual_seed(seed)
    unet = UNet2DConditionModel(in_channels=in_channels, block_out_channels=(8, 16, 24, 24), cross_attention_dim=16,
                                norm_num_groups=4, attention_head_dim=2, sample_size=8).eval().requires_grad_(False)
    for parameter in unet.parameters():
        parameter += 0.05 * torch.randn_like(parameter)
    return unet


@cache
def tiny_shapes(in_channels=4):
    return {key: tuple(tensor.shape) for key, tensor in tiny_unet(in_channels).state_dict().items()}


def random_offsets(channels, seed=1, dtype=torch.float32):
    """{diffusers key: difference} of a tiny IC-Light file."""
    generator = torch.Generator().manual_seed(seed)
    return {key: (0.05 * torch.randn(shape, generator=generator)).to(dtype)
            for key, shape in tiny_shapes(channels).items()}


def in_ldm(state, prefix=""):
    return {prefix + unet_key_map()[key]: tensor for key, tensor in state.items()}


def write(path, state):
    if path.suffix == ".safetensors":
        save_file({key: tensor.contiguous() for key, tensor in state.items()}, path)
    else:
        torch.save(state, path)
    return path


def write_header(path, shapes, dtype="F16"):
    """A safetensors file with these shapes and zero bytes for tensors: enough for all that reads headers only."""
    size = {"F16": 2, "F32": 4, "F8_E4M3": 1, "I8": 1}[dtype]
    table, end = {}, 0
    for key, shape in shapes.items():
        count = size
        for side in shape:
            count *= side
        table[key] = {"dtype": dtype, "shape": list(shape), "data_offsets": [end, end + count]}
        end += count
    text = json.dumps(table).encode()
    with path.open("wb") as file:
        file.write(struct.pack("<Q", len(text)) + text)
        file.truncate(8 + len(text) + end)
    return path
