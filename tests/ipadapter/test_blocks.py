"""Tests every entry of the key ↔ block tables against UNets that diffusers builds and against the tables written out."""

import pytest
import torch
from diffusers import UNet2DConditionModel
from sd_relight.lib_ipadapter import unet_layers
from sd_relight.lib_ipadapter.errors import IpAdapterError

SD15 = [  # num, key, slot, t_idx, level
    (0, 1, ("input", 1), 0, 0), (1, 3, ("input", 2), 1, 0), (2, 5, ("input", 4), 2, 1), (3, 7, ("input", 5), 3, 1),
    (4, 9, ("input", 7), 4, 2), (5, 11, ("input", 8), 5, 2), (6, 13, ("output", 3), 7, 2), (7, 15, ("output", 4), 8, 2),
    (8, 17, ("output", 5), 9, 2), (9, 19, ("output", 6), 10, 1), (10, 21, ("output", 7), 11, 1), (11, 23, ("output", 8), 12, 1),
    (12, 25, ("output", 9), 13, 0), (13, 27, ("output", 10), 14, 0), (14, 29, ("output", 11), 15, 0), (15, 31, ("middle", 0), 6, 3),
]
SDXL = [  # first num, last num, kind, block, t_idx, level
    (0, 1, "input", 4, 0, 1), (2, 3, "input", 5, 1, 1), (4, 13, "input", 7, 2, 2), (14, 23, "input", 8, 3, 2),
    (24, 33, "output", 0, 5, 2), (34, 43, "output", 1, 6, 2), (44, 53, "output", 2, 7, 2), (54, 55, "output", 3, 8, 1),
    (56, 57, "output", 4, 9, 1), (58, 59, "output", 5, 10, 1), (60, 69, "middle", 0, 4, 2),
]


@pytest.mark.parametrize("entry", SD15)
def test_sd15_entry(entry):
    layer = unet_layers.LAYERS["sd15"][entry[0]]
    assert (layer.num, layer.key, layer.slot("sd15"), layer.t_idx, layer.level) == entry


@pytest.mark.parametrize("entry", SDXL)
def test_sdxl_entry(entry):
    first, last, kind, block, t_idx, level = entry
    for index, num in enumerate(range(first, last + 1)):
        layer = unet_layers.LAYERS["sdxl"][num]
        assert layer == (num, 2 * num + 1, kind, block, index, t_idx, level)
        assert layer.slot("sdxl") == (kind, block, index)


def test_counts():
    assert {base: len(layers) for base, layers in unet_layers.LAYERS.items()} == {"sd15": 16, "sdxl": 70}
    assert unet_layers.TRANSFORMERS == {"sd15": 16, "sdxl": 11}
    assert unet_layers.LAYERS["sdxl"][69].key == 139


def diffusers_names(base):
    """diffusers' processor names in their own order, on the meta device."""
    sizes = {"sd15": dict(cross_attention_dim=768),
             "sdxl": dict(cross_attention_dim=2048, block_out_channels=(320, 640, 1280), layers_per_block=2,
                          down_block_types=("DownBlock2D", "CrossAttnDownBlock2D", "CrossAttnDownBlock2D"),
                          up_block_types=("CrossAttnUpBlock2D", "CrossAttnUpBlock2D", "UpBlock2D"),
                          transformer_layers_per_block=(1, 2, 10))}
    with torch.device("meta"):
        return list(UNet2DConditionModel(**sizes[base]).attn_processors)


def ldm_module(base, name):
    """diffusers' processor name -> the LDM module, by diffusers' own block arithmetic."""
    parts = name.split(".")
    if parts[0] == "mid_block":
        block, rest = "middle_block.1", parts[3:]
    else:
        level, which = int(parts[1]), int(parts[3])
        number = 3 * level + which + (1 if parts[0] == "down_blocks" else 0)
        block, rest = f"{'input' if parts[0] == 'down_blocks' else 'output'}_blocks.{number}.1", parts[4:]
    return f"{block}.{'.'.join(rest[:-1])}"


@pytest.mark.parametrize("base", ["sd15", "sdxl"])
def test_processor_numbers_are_those_of_diffusers(base):
    names = diffusers_names(base)
    assert len(names) == 2 * len(unet_layers.LAYERS[base])
    for number, name in enumerate(names):
        assert unet_layers.processor_module(base, number) == ldm_module(base, name)


def test_validation_errors():
    with pytest.raises(IpAdapterError, match="`sd3` is no base model that IP-Adapter runs on; use one of sd15, sdxl."):
        unet_layers.layers_of("sd3")
    with pytest.raises(IpAdapterError, match="Attention 32 does not exist in SD 1.5, which has 32; the adapter file is for"):
        unet_layers.processor_module("sd15", 32)
