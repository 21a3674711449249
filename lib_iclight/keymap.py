"""Maps tensor names of the SD 1.5 UNet from diffusers to LDM (the original repository, and all hosts).

Built from short tables and block arithmetic. LDM names omit the prefix `model.diffusion_model.`.
"""

from __future__ import annotations

from functools import cache

OUTER = {
    "conv_in": "input_blocks.0.0", "time_embedding.linear_1": "time_embed.0", "time_embedding.linear_2": "time_embed.2",
    "conv_norm_out": "out.0", "conv_out": "out.2",
}
RESNET = {
    "norm1": "in_layers.0", "conv1": "in_layers.2", "time_emb_proj": "emb_layers.1", "norm2": "out_layers.0",
    "conv2": "out_layers.3", "conv_shortcut": "skip_connection",
}
BLOCK = "transformer_blocks.0"
WITH_BIAS = ("norm", "proj_in", f"{BLOCK}.norm1", f"{BLOCK}.norm2", f"{BLOCK}.norm3", f"{BLOCK}.attn1.to_out.0",
             f"{BLOCK}.attn2.to_out.0", f"{BLOCK}.ff.net.0.proj", f"{BLOCK}.ff.net.2", "proj_out")
WEIGHT_ONLY = tuple(f"{BLOCK}.{attn}.to_{role}" for attn in ("attn1", "attn2") for role in "qkv")


def block_names():
    """Yield (diffusers block, LDM block, kind) for every block; kind: resnet, wide (with shortcut), attn, conv."""
    for level in range(4):
        for layer in range(2):
            ldm, kind = f"input_blocks.{3 * level + layer + 1}", "wide" if layer == 0 and level in (1, 2) else "resnet"
            yield f"down_blocks.{level}.resnets.{layer}", f"{ldm}.0", kind
            if level < 3:
                yield f"down_blocks.{level}.attentions.{layer}", f"{ldm}.1", "attn"
        if level < 3:
            yield f"down_blocks.{level}.downsamplers.0.conv", f"input_blocks.{3 * level + 3}.0.op", "conv"
    yield "mid_block.resnets.0", "middle_block.0", "resnet"
    yield "mid_block.attentions.0", "middle_block.1", "attn"
    yield "mid_block.resnets.1", "middle_block.2", "resnet"
    for level in range(4):
        for layer in range(3):
            ldm = f"output_blocks.{3 * level + layer}"
            yield f"up_blocks.{level}.resnets.{layer}", f"{ldm}.0", "wide"
            if level > 0:
                yield f"up_blocks.{level}.attentions.{layer}", f"{ldm}.1", "attn"
        if level < 3:
            place = 1 if level == 0 else 2
            yield f"up_blocks.{level}.upsamplers.0.conv", f"output_blocks.{3 * level + 2}.{place}.conv", "conv"


def parts_of(kind: str):
    """Yield (diffusers name, LDM name) of the layers inside one block, and whether each has a bias."""
    if kind == "conv":
        yield "", "", True
    elif kind == "attn":
        yield from ((f".{name}", f".{name}", True) for name in WITH_BIAS)
        yield from ((f".{name}", f".{name}", False) for name in WEIGHT_ONLY)
    else:
        for name, ldm in RESNET.items():
            if kind == "wide" or name != "conv_shortcut":
                yield f".{name}", f".{ldm}", True


@cache
def unet_key_map() -> dict[str, str]:
    """Return {diffusers key: LDM key} of SD 1.5's UNet, 686 entries. Do not change the returned dict."""
    layers = [(name, ldm, True) for name, ldm in OUTER.items()]
    layers += [(block + name, ldm_block + ldm, bias)
               for block, ldm_block, kind in block_names() for name, ldm, bias in parts_of(kind)]
    table = {}
    for name, ldm, bias in layers:
        table[f"{name}.weight"] = f"{ldm}.weight"
        if bias:
            table[f"{name}.bias"] = f"{ldm}.bias"
    return table


@cache
def unet_key_map_inverse() -> dict[str, str]:
    """Return {LDM key: diffusers key}. Do not change the returned dict."""
    return {ldm: name for name, ldm in unet_key_map().items()}


def optional_keys(widths: dict[str, tuple[int, ...]]) -> set[str]:
    """Return the LDM keys that this UNet may lack: a skip connection exists only where a block changes its width.

    widths: {LDM key: shape}. SD 1.5 has all of them; small models whose levels have equal widths have fewer.
    """
    optional = set()
    for key in unet_key_map_inverse():
        if ".skip_connection." not in key:
            continue
        block = key.split(".skip_connection.")[0]
        shape = widths.get(f"{block}.in_layers.2.weight")
        if shape and shape[0] == shape[1]:
            optional.add(key)
    return optional
