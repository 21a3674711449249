"""Fake host: an attn2 replace table over a tiny diffusers UNet, with the slot names and options that WebUI hosts give."""

from functools import lru_cache

import torch
from diffusers import UNet2DConditionModel
from diffusers.models.attention_processor import AttnProcessor2_0
from ipadapter import ip_files as made
from sd_relight.lib_ipadapter.unet_layers import LAYERS


class CountedTensor(torch.Tensor):
    """Counts how often a StepClock reads its value; a read on a GPU waits for the device."""

    reads = 0

    def reshape(self, *shape):
        self.reads += 1
        return super().reshape(*shape)


UNIT = {"sd15": 16, "sdxl": 16}
CROSS = 64


def tiny_unet(base):
    """A UNet of the base's topology, narrow, random and always the same; without any adapter."""
    unet = build_unet(base)
    unet.encoder_hid_proj = None
    unet.register_to_config(encoder_hid_dim_type=None)
    unet.set_attn_processor(AttnProcessor2_0())
    return unet


@lru_cache
def build_unet(base):
    u = UNIT[base]
    common = dict(cross_attention_dim=CROSS, norm_num_groups=4, layers_per_block=2, in_channels=4, out_channels=4)
    if base == "sd15":
        return UNet2DConditionModel(block_out_channels=(u, 2 * u, 4 * u, 4 * u), attention_head_dim=4, **common).eval()
    return UNet2DConditionModel(
        block_out_channels=(u // 2, u, 2 * u), attention_head_dim=(2, 4, 8), transformer_layers_per_block=(1, 2, 10),
        down_block_types=("DownBlock2D", "CrossAttnDownBlock2D", "CrossAttnDownBlock2D"),
        up_block_types=("CrossAttnUpBlock2D", "CrossAttnUpBlock2D", "UpBlock2D"), **common).eval()


def adapter_state(base, seed=1, width=24, tokens=4):
    """Official layout, nested: image_proj and ip_adapter of a base adapter for tiny_unet."""
    return {"image_proj": made.random_state(made.base_proj(width, CROSS, tokens), seed=seed),
            "ip_adapter": made.random_state(made.layer_shapes(base, CROSS, UNIT[base]), seed=seed + 100)}


class Slot:
    """One attn2 of the UNet as a host runs it: to_q, to_k, to_v, the patch if there is one, to_out."""

    def __init__(self, host, slot, t_idx):
        self.host, self.slot, self.t_idx = host, slot, t_idx

    def __call__(self, attn, hidden_states, encoder_hidden_states=None, attention_mask=None, temb=None):
        q, k, v = attn.to_q(hidden_states), attn.to_k(encoder_hidden_states), attn.to_v(encoder_hidden_states)
        options = {**self.host.options, "n_heads": attn.heads, "block": self.slot[:2], "transformer_index": self.t_idx}
        patch = self.host.table.get(self.slot)
        out = patch(q, k, v, options) if patch else host_attention(q, k, v, attn.heads)
        return attn.to_out[1](attn.to_out[0](out))


def host_attention(q, k, v, heads, mask=None):
    q, k, v = (t.view(t.shape[0], -1, heads, t.shape[-1] // heads).transpose(1, 2) for t in (q, k, v))
    out = torch.nn.functional.scaled_dot_product_attention(q, k, v)
    return out.transpose(1, 2).reshape(out.shape[0], -1, out.shape[1] * out.shape[3])


class MiniHost:
    """unet(x, t, text) with `table` as attn2 replace patches."""

    def __init__(self, base, unet):
        self.table, self.options, self.unet = {}, {}, unet
        cross = [name for name in unet.attn_processors if "attn2" in name]
        slots = {name: Slot(self, layer.slot(base), layer.t_idx) for name, layer in zip(cross, LAYERS[base])}
        unet.set_attn_processor({name: slots.get(name, AttnProcessor2_0()) for name in unet.attn_processors})

    @torch.no_grad()
    def __call__(self, x, t, text, chunks, sigma=1.0):
        images = len(x) // len(chunks)
        self.options = {"original_shape": list(x.shape), "cond_or_uncond": list(chunks), "sigmas": torch.full((images,), sigma)}
        return self.unet(x, t, text).sample
