"""Tests the key map between diffusers and LDM."""

import torch
from diffusers.loaders.single_file_utils import convert_ldm_unet_checkpoint
from iclight.files import in_ldm, tiny_unet
from sd_relight.lib_iclight.keymap import optional_keys, unet_key_map, unet_key_map_inverse


def test_map_names_every_tensor_of_the_unet_once():
    state = tiny_unet().state_dict()
    assert len(state) == 686
    assert unet_key_map().keys() == state.keys()
    assert len(set(unet_key_map().values())) == 686
    assert {unet_key_map_inverse()[ldm]: ldm for ldm in unet_key_map().values()} == unet_key_map()


def test_diffusers_own_converter_undoes_the_map():
    """diffusers reads LDM names with rules of its own; each tensor must come back under its first name."""
    state = {key: torch.full((1,), float(index)) for index, key in enumerate(unet_key_map())}
    ldm = in_ldm(state, "model.diffusion_model.")
    config = {"layers_per_block": 2, "class_embed_type": None, "addition_embed_type": None}
    assert convert_ldm_unet_checkpoint(ldm, config=config) == state


def test_known_names():
    table = unet_key_map()
    assert table["conv_in.weight"] == "input_blocks.0.0.weight"
    assert table["down_blocks.1.attentions.0.transformer_blocks.0.attn2.to_k.weight"] == (
        "input_blocks.4.1.transformer_blocks.0.attn2.to_k.weight")
    assert table["down_blocks.2.downsamplers.0.conv.bias"] == "input_blocks.9.0.op.bias"
    assert table["mid_block.resnets.1.time_emb_proj.weight"] == "middle_block.2.emb_layers.1.weight"
    assert table["up_blocks.0.upsamplers.0.conv.weight"] == "output_blocks.2.1.conv.weight"
    assert table["up_blocks.2.upsamplers.0.conv.weight"] == "output_blocks.8.2.conv.weight"
    assert table["conv_out.bias"] == "out.2.bias"


def test_only_blocks_of_equal_widths_may_lack_a_skip_connection():
    shapes = {key: tuple(tensor.shape) for key, tensor in in_ldm(tiny_unet().state_dict()).items()}
    assert optional_keys(shapes) == set()
    shapes["input_blocks.7.0.in_layers.2.weight"] = (16, 16, 3, 3)
    assert optional_keys(shapes) == {"input_blocks.7.0.skip_connection.weight", "input_blocks.7.0.skip_connection.bias"}
