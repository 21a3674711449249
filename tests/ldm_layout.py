"""Converts diffusers tensor names to LDM names by pattern, for the weight files that tests give to the readers.

The readers have their own tables (lib_iclight/keymap.py and the embedded host). This one is independent of them, so that
writing with one and reading with the other is a test.
"""

from __future__ import annotations

import re

from torch import Tensor

UNET_PREFIX = "model.diffusion_model."
VAE_PREFIX = "first_stage_model."
TEXT_PREFIX = "cond_stage_model.transformer."

RESNET = (("norm1", "in_layers.0"), ("conv1", "in_layers.2"), ("time_emb_proj", "emb_layers.1"),
          ("norm2", "out_layers.0"), ("conv2", "out_layers.3"), ("conv_shortcut", "skip_connection"))
OUTER = (("conv_in", "input_blocks.0.0"), ("time_embedding.linear_1", "time_embed.0"),
         ("time_embedding.linear_2", "time_embed.2"), ("conv_norm_out", "out.0"), ("conv_out", "out.2"))
VAE_ATTENTION = (("group_norm", "norm"), ("to_q", "q"), ("to_k", "k"), ("to_v", "v"), ("to_out.0", "proj_out"))


def unet_place(block: str) -> str:
    """'down_blocks.1.resnets.0' to 'input_blocks.4.0', and so on."""
    if block.startswith("mid_block"):
        _, kind, i = block.split(".")
        return "middle_block." + ("1" if kind == "attentions" else str(2 * int(i)))
    side, level, kind, i = block.split(".")
    level, i = int(level), int(i)
    if kind == "downsamplers":
        return f"input_blocks.{3 * level + 3}.0.op"
    if kind == "upsamplers":
        return f"output_blocks.{3 * level + 2}.{1 if level == 0 else 2}.conv"
    at = f"input_blocks.{3 * level + i + 1}" if side == "down_blocks" else f"output_blocks.{3 * level + i}"
    return f"{at}.{0 if kind == 'resnets' else 1}"


def unet_key(key: str) -> str:
    """One UNet key, without the prefix."""
    for ours, theirs in OUTER:
        if key.startswith(ours + "."):
            return theirs + key[len(ours):]
    block, rest = re.fullmatch(r"(\w+(?:\.\d+)?\.\w+\.\d+)\.(.+)", key).groups()
    if "samplers" in block:
        return f"{unet_place(block)}.{rest.removeprefix('conv.')}"
    if ".resnets." in block:
        layer, kind = rest.rsplit(".", 1)
        rest = f"{dict(RESNET)[layer]}.{kind}"
    return f"{unet_place(block)}.{rest}"


def vae_key(key: str, levels: int = 4) -> str:
    """One VAE key, without the prefix. The decoder counts its levels from the other end."""
    key = key.replace("conv_norm_out", "norm_out").replace("conv_shortcut", "nin_shortcut")
    key = re.sub(r"mid_block\.resnets\.(\d)", lambda m: f"mid.block_{int(m[1]) + 1}", key)
    if "mid_block.attentions.0" in key:
        key = key.replace("mid_block.attentions.0", "mid.attn_1")
        for ours, theirs in VAE_ATTENTION:
            key = key.replace(f".{ours}.", f".{theirs}.")
        return key
    key = re.sub(r"down_blocks\.(\d)\.resnets\.(\d)", r"down.\1.block.\2", key)
    key = re.sub(r"down_blocks\.(\d)\.downsamplers\.0", r"down.\1.downsample", key)
    key = re.sub(r"up_blocks\.(\d)\.resnets\.(\d)", lambda m: f"up.{levels - 1 - int(m[1])}.block.{m[2]}", key)
    return re.sub(r"up_blocks\.(\d)\.upsamplers\.0", lambda m: f"up.{levels - 1 - int(m[1])}.upsample", key)


def ldm_vae(state: dict[str, Tensor]) -> dict[str, Tensor]:
    """A VAE's state in LDM's spelling; its attention is made of 1x1 convolutions there."""
    out = {vae_key(k): v for k, v in state.items()}
    flat = re.compile(r"mid\.attn_1\.(q|k|v|proj_out)\.weight")
    return {k: v[:, :, None, None] if flat.search(k) else v for k, v in out.items()}


def ldm_checkpoint(unet: dict[str, Tensor], vae: dict[str, Tensor], text: dict[str, Tensor]) -> dict[str, Tensor]:
    """A single-file SD 1.5 checkpoint from the three diffusers/transformers states."""
    return {**{UNET_PREFIX + unet_key(k): v for k, v in unet.items()},
            **{VAE_PREFIX + k: v for k, v in ldm_vae(vae).items()},
            **{TEXT_PREFIX + k: v for k, v in text.items()}}


def ldm_offsets(offsets: dict[str, Tensor], prefix: str = "diffusion_model.") -> dict[str, Tensor]:
    """IC-Light offsets in LDM's spelling, as the files that Forge's extensions want."""
    return {prefix + unet_key(k): v for k, v in offsets.items()}
