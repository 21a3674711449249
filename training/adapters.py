"""Converts IP-Adapter weights between diffusers' attention processors and the official flat file."""

from __future__ import annotations

import torch
from diffusers import UNet2DConditionModel
from diffusers.models.attention_processor import AttnProcessor2_0, IPAdapterAttnProcessor2_0
from torch import Tensor, nn

from .models import IMAGE_TOKENS


def add_processors(unet: UNet2DConditionModel) -> nn.ModuleList:
    """Set IP-Adapter's processor on every cross-attention; its keys and values are initialised from the text's."""
    processors: dict = {}
    added = nn.ModuleList()
    state = unet.state_dict()
    for name in unet.attn_processors:
        if "attn1" in name:
            processors[name] = AttnProcessor2_0()
            continue
        stem = name.removesuffix(".processor")
        key, value = state[f"{stem}.to_k.weight"], state[f"{stem}.to_v.weight"]
        processor = IPAdapterAttnProcessor2_0(*key.shape, num_tokens=(IMAGE_TOKENS,), scale=1.0).to(key.device)
        with torch.no_grad():
            processor.to_k_ip[0].weight.copy_(key)
            processor.to_v_ip[0].weight.copy_(value)
        processors[name] = processor
        added.append(processor)
    unet.set_attn_processor(processors)
    return added


def adapter_layers(unet: UNet2DConditionModel):
    """Yield (number in the official file, processor): 1, 3, ... 31 in the order of diffusers' attention layers."""
    for i, processor in enumerate(unet.attn_processors.values()):
        if isinstance(processor, IPAdapterAttnProcessor2_0):
            yield i, processor


def adapter_state(unet: UNet2DConditionModel, projection: nn.Module) -> dict[str, Tensor]:
    """Return the state in the official flat layout: image_proj.* and ip_adapter.{1, 3, ..., 31}.to_{k,v}_ip.weight."""
    out = {f"image_proj.{k}": v for k, v in projection.state_dict().items()}
    for i, processor in adapter_layers(unet):
        out[f"ip_adapter.{i}.to_k_ip.weight"] = processor.to_k_ip[0].weight
        out[f"ip_adapter.{i}.to_v_ip.weight"] = processor.to_v_ip[0].weight
    return out


@torch.no_grad()
def load_adapter(unet: UNet2DConditionModel, projection: nn.Module, state: dict[str, Tensor]) -> None:
    """Load the official layout into the projection and a UNet that has the processors."""
    prefix = "image_proj."
    projection.load_state_dict({k.removeprefix(prefix): v.float() for k, v in state.items() if k.startswith(prefix)})
    for i, processor in adapter_layers(unet):
        processor.to_k_ip[0].weight.copy_(state[f"ip_adapter.{i}.to_k_ip.weight"])
        processor.to_v_ip[0].weight.copy_(state[f"ip_adapter.{i}.to_v_ip.weight"])


def set_adapter_scale(unet: UNet2DConditionModel, scale: float) -> None:
    for _, processor in adapter_layers(unet):
        processor.scale = [scale]
