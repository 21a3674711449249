"""A tiny diffusers UNet for the small host of benchmarks/, which has the slot names and options that WebUI hosts give."""

from functools import lru_cache

import torch
from diffusers import UNet2DConditionModel
from diffusers.models.attention_processor import AttnProcessor2_0
from ipadapter import ip_files as made
from sd_relight.benchmarks.small_host import MiniHost, host_attention

__all__ = ("CROSS", "CountedTensor", "MiniHost", "adapter_state", "host_attention", "tiny_unet")


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
