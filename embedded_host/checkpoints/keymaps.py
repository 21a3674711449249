"""LDM names of the VAE and the text encoder to diffusers' and transformers'. The UNet's are lib_iclight's."""

from __future__ import annotations

import re

RESNET = {"norm1": "norm1", "conv1": "conv1", "norm2": "norm2", "conv2": "conv2", "nin_shortcut": "conv_shortcut"}
ATTENTION = {"norm": "group_norm", "q": "to_q", "k": "to_k", "v": "to_v", "proj_out": "to_out.0"}


def vae_key_map(keys, prefix: str = "") -> dict[str, str]:
    """{LDM name: diffusers name} for the given keys, of which those under prefix count. Unknown names are left out.

    LDM numbers the decoder's levels from the output, diffusers from the latent.
    """
    names = [key[len(prefix):] for key in keys if key.startswith(prefix)]
    numbers = [int(match[1]) for match in (re.match(r"decoder\.up\.(\d+)\.", name) for name in names) if match]
    last = max(numbers, default=0)
    mapped = {name: _vae_name(name, last) for name in names}
    return {name: new for name, new in mapped.items() if new is not None}


def _vae_name(name: str, last: int) -> str | None:
    stem, kind = name.rsplit(".", 1)
    if match := re.fullmatch(r"(encoder|decoder)\.mid\.block_(\d)\.(\w+)", stem):
        return f"{match[1]}.mid_block.resnets.{int(match[2]) - 1}.{RESNET[match[3]]}.{kind}"
    if match := re.fullmatch(r"(encoder|decoder)\.mid\.attn_1\.(\w+)", stem):
        return f"{match[1]}.mid_block.attentions.0.{ATTENTION[match[2]]}.{kind}"
    if match := re.fullmatch(r"encoder\.down\.(\d+)\.block\.(\d+)\.(\w+)", stem):
        return f"encoder.down_blocks.{match[1]}.resnets.{match[2]}.{RESNET[match[3]]}.{kind}"
    if match := re.fullmatch(r"encoder\.down\.(\d+)\.downsample\.conv", stem):
        return f"encoder.down_blocks.{match[1]}.downsamplers.0.conv.{kind}"
    if match := re.fullmatch(r"decoder\.up\.(\d+)\.block\.(\d+)\.(\w+)", stem):
        return f"decoder.up_blocks.{last - int(match[1])}.resnets.{match[2]}.{RESNET[match[3]]}.{kind}"
    if match := re.fullmatch(r"decoder\.up\.(\d+)\.upsample\.conv", stem):
        return f"decoder.up_blocks.{last - int(match[1])}.upsamplers.0.conv.{kind}"
    plain = re.fullmatch(r"(encoder|decoder)\.(conv_in|conv_out|norm_out)|(post_)?quant_conv", stem)
    return name.replace("norm_out", "conv_norm_out") if plain else None


def clip_name(name: str) -> str:
    """SD1.5's LDM checkpoints keep transformers' names; some leave out `text_model.`."""
    return name if name.startswith("text_model.") else f"text_model.{name}"
