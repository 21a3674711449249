"""Identifies what kind of model a weight file holds, from its keys and shapes."""

from __future__ import annotations

from ..lib_common.weight_entries import TensorInfo

PREFIXES = ("model.diffusion_model.", "diffusion_model.", "unet.", "")
CONV_IN = {"diffusers": "conv_in.weight", "ldm": "input_blocks.0.0.weight"}
SD2_WIDTH, SDXL_WIDTH = 1024, 2048

# Family -> key prefixes. The first match wins: FaceID adapters contain LoRA keys, ControlNets a UNet.
BEGINNINGS = {
    "an IP-Adapter": ("image_proj.", "ip_adapter."),
    "a ControlNet": ("control_model.", "controlnet_cond_embedding.", "controlnet_down_blocks.", "input_hint_block.",
                     "zero_convs."),
    "a LoRA": ("lora_unet_", "lora_te"),
    "a T2I-Adapter": ("adapter.body.", "body.0."),
    "an AnimateDiff motion module": ("motion_modules.",),
    "a Flux or SD3 model": ("double_blocks.", "joint_blocks.", "model.diffusion_model.double_blocks.",
                            "model.diffusion_model.joint_blocks.", "single_transformer_blocks."),
}
LORA_PARTS = ("lora_down", "lora_up", "lora_A", "lora_B", "_lora.down", "_lora.up", ".hada_w1", ".lokr_w1")
REST_OF_CHECKPOINT = ("first_stage_model.", "cond_stage_model.", "conditioner.", "model_ema.")
NOT_UNET = {
    "a VAE": ("first_stage_model.", "encoder.conv_in.", "decoder.conv_in.", "encoder.down_blocks.", "decoder.up."),
    "an image encoder": ("vision_model.", "visual.", "image_encoder."),
    "a text encoder": ("cond_stage_model.", "text_model.", "transformer.resblocks.", "transformer.text_model.",
                       "encoder.block."),
    "a textual inversion embedding": ("emb_params", "string_to_param", "clip_l", "clip_g"),
}


def starts(entries: dict[str, TensorInfo], beginnings: tuple[str, ...]) -> bool:
    return any(key.startswith(beginnings) for key in entries)


def name_family(entries: dict[str, TensorInfo]) -> str:
    """Return "unet", "checkpoint" (a UNet with its VAE and text encoder), or the name of another family, with its article."""
    for family, beginnings in BEGINNINGS.items():
        if starts(entries, beginnings):
            return family
    if any(part in key for key in entries for part in LORA_PARTS):
        return "a LoRA"
    if find_unet(entries):
        return "checkpoint" if starts(entries, REST_OF_CHECKPOINT) else "unet"
    for family, beginnings in NOT_UNET.items():
        if starts(entries, beginnings):
            return family
    return "not a UNet"


def find_unet(entries: dict[str, TensorInfo]) -> tuple[str, str] | None:
    """Return (prefix, layout) of the UNet in these entries, layout "diffusers" or "ldm"; None when there is none."""
    for prefix in PREFIXES:
        for layout, key in CONV_IN.items():
            conv = entries.get(prefix + key)
            if conv is not None and len(conv.shape) == 4:
                return prefix, layout
    return None


def unet_entries(entries: dict[str, TensorInfo], prefix: str) -> dict[str, TensorInfo]:
    return {key[len(prefix):]: entry for key, entry in entries.items() if key.startswith(prefix)}


def context_width(unet: dict[str, TensorInfo]) -> int | None:
    """Return the width of the text condition, the columns of the first attn2.to_k; None without cross-attention."""
    return next((entry.shape[1] for key, entry in unet.items()
                 if key.endswith("attn2.to_k.weight") and len(entry.shape) == 2), None)


def base_model(unet: dict[str, TensorInfo]) -> str:
    """Return "sd2", "sdxl" or "sd15" for a UNet's entries without prefix.

    The cross-attention width decides first (SD2 unCLIP has a label embedding, too). Any other width counts as
    SD 1.5, because small models of its topology exist.
    """
    width = context_width(unet)
    if width == SD2_WIDTH:
        return "sd2"
    if width == SDXL_WIDTH or starts(unet, ("label_emb.", "add_embedding.")):
        return "sdxl"
    return "sd15"
