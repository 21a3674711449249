"""Tests the LoRA inside FaceID files: every pair maps to its weight and adds what the official processor adds."""

import pytest
import torch
from ipadapter import ip_files as made
from sd_relight.lib_ipadapter.errors import IpAdapterError
from sd_relight.lib_ipadapter.files.lora import lora_deltas
from sd_relight.lib_ipadapter.unet_layers import LAYERS


def empty(shapes):
    return {key: torch.empty(shape, device="meta") for key, shape in shapes.items()}


@pytest.mark.parametrize("base", ["sd15", "sdxl"])
def test_every_projection_of_every_attention(base):
    deltas = lora_deltas(empty(made.layer_shapes(base, lora=True)), base)
    assert len(deltas) == 2 * len(LAYERS[base]) * 4
    assert len({delta.weight_key for delta in deltas}) == len(deltas)
    for delta in deltas:
        assert delta.up.shape[1] == delta.down.shape[0] == 128
        wide = delta.module.endswith("attn2") and delta.projection in ("to_k", "to_v")
        assert delta.down.shape[1] == (made.CROSS[base] if wide else delta.up.shape[0])


@pytest.mark.parametrize(("key", "weight"), [
    ("0.to_q_lora", "input_blocks.1.1.transformer_blocks.0.attn1.to_q.weight"),
    ("1.to_k_lora", "input_blocks.1.1.transformer_blocks.0.attn2.to_k.weight"),
    ("12.to_out_lora", "output_blocks.3.1.transformer_blocks.0.attn1.to_out.0.weight"),
    ("31.to_v_lora", "middle_block.1.transformer_blocks.0.attn2.to_v.weight")])
def test_sd15_places(key, weight):
    pair = {f"{key}.down.weight": torch.ones(128, 8), f"{key}.up.weight": torch.ones(8, 128)}
    assert [delta.weight_key for delta in lora_deltas(pair, "sd15")] == [weight]


def test_sdxl_places():
    pair = {"69.to_q_lora.down.weight": torch.ones(1, 2), "69.to_q_lora.up.weight": torch.ones(2, 1)}
    (delta,) = lora_deltas(pair, "sdxl")
    assert delta.weight_key == "output_blocks.1.1.transformer_blocks.0.attn2.to_q.weight"


def test_families_without_one():
    assert lora_deltas(empty(made.layer_shapes("sd15")), "sd15") == []


def test_a_number_beyond_the_base():
    pair = {"32.to_q_lora.down.weight": torch.ones(1, 2), "32.to_q_lora.up.weight": torch.ones(2, 1)}
    with pytest.raises(IpAdapterError, match="Attention 32 does not exist in SD 1.5"):
        lora_deltas(pair, "sd15")
