"""An LDM-layout SD1.5 checkpoint (*.safetensors) as diffusers and transformers networks."""

from __future__ import annotations

from pathlib import Path

import torch

from .clip_vocabulary import load_tokenizer
from ..errors import HostError
from .keymaps import clip_name, vae_key_map

UNET, VAE, CLIP = "model.diffusion_model.", "first_stage_model.", "cond_stage_model.transformer."
MARK = UNET + "input_blocks.0.0.weight"
POSITIONS = ("text_model.embeddings.position_ids", "embeddings.position_ids")


def find_checkpoint(folder: Path) -> Path | None:
    """The first *.safetensors in folder, or in its checkpoint folders, that holds a whole SD1.5 checkpoint."""
    for place in (folder, folder / "Stable-diffusion", folder / "checkpoints"):
        for path in sorted(place.glob("*.safetensors")):
            if MARK in _shapes(path):
                return path
    return None


def _shapes(path: Path) -> dict[str, tuple]:
    from safetensors import safe_open

    try:
        with safe_open(path, framework="pt") as file:
            return {key: tuple(file.get_slice(key).get_shape()) for key in file.keys()}
    except Exception as error:
        raise HostError(f"{path}: not a readable .safetensors file ({error}). Download it again.") from error


def load_single_file(path: Path):
    """(unet, vae, text encoder, tokenizer, path, name). Raises HostError when a part is missing or does not fit."""
    from diffusers import AutoencoderKL, UNet2DConditionModel
    from safetensors.torch import load_file
    from transformers import CLIPTextConfig, CLIPTextModel

    from ...lib_iclight.keymap import unet_key_map_inverse

    tensors = load_file(path)
    unet_state = _take(tensors, UNET, unet_key_map_inverse().get)
    vae_state = _take(tensors, VAE, vae_key_map(tensors, VAE).get)
    text_state = _take(tensors, CLIP, clip_name)
    unet_config = _unet_config(path, unet_state)
    _need(path, "VAE", vae_state, "encoder.down_blocks.0.resnets.0.conv1.weight")
    _need(path, "text encoder", text_state, "text_model.embeddings.token_embedding.weight")
    tokenizer = load_tokenizer(path.parent)
    with torch.device("meta"):
        unet = UNet2DConditionModel(**unet_config)
        vae = AutoencoderKL(**_vae_config(vae_state))
    text = CLIPTextModel(CLIPTextConfig(**_text_config(text_state, tokenizer)))
    fill(path, "UNet", unet, unet_state)
    fill(path, "VAE", vae, {key: _as_linear(key, value) for key, value in vae_state.items()})
    fill_text_encoder(path, text, text_state)
    return unet, vae, text, tokenizer, path, path.name


def _need(path, part, state, key):
    if key not in state:
        raise HostError(f"{path}: no {part} in this file. Use a whole SD 1.5 checkpoint (UNet, VAE and text encoder).")


def _take(tensors, prefix, rename):
    """{new name: tensor} of the keys under a prefix; keys that `rename` answers with None are left out."""
    named = ((rename(key[len(prefix):]), value) for key, value in tensors.items() if key.startswith(prefix))
    return {key: value for key, value in named if key is not None}


def fill(path, part, module, state, optional=()):
    """Put a whole state dict in place, as float32. Raises HostError when tensors are missing or left over."""
    state = {key: value.float() for key, value in state.items() if key not in optional}
    shapes = {key: value.shape for key, value in module.state_dict().items()}
    wrong = next((key for key, value in state.items() if key in shapes and value.shape != shapes[key]), None)
    if wrong:
        raise HostError(f"{path}: the {part} is not SD 1.5's (`{wrong}` is {list(state[wrong].shape)}, expected "
                        f"{list(shapes[wrong])}). The embedded host runs SD 1.5 checkpoints.")
    missing, unexpected = module.load_state_dict(state, strict=False, assign=True)
    missing = [key for key in missing if key not in optional]
    if missing or unexpected:
        raise HostError(f"{path}: the {part} is not SD 1.5's ({len(missing)} tensors missing, {len(unexpected)} too many, "
                        f"first: {(missing or unexpected)[0]}). The embedded host runs SD 1.5 checkpoints.")


def fill_text_encoder(path, text, state):
    """fill a CLIPTextModel. state: with `text_model.` in the names, a module that transformers 5 no longer has."""
    front = "" if hasattr(text, "text_model") else "text_model."
    fill(path, "text encoder", text, {key.removeprefix(front): value for key, value in state.items()}, POSITIONS)


def _as_linear(key, tensor):
    """The VAE's attention is 1x1 convolutions in LDM and linear layers in diffusers."""
    return tensor[:, :, 0, 0] if ".attentions." in key and tensor.ndim == 4 else tensor


def _groups(width):
    """32 as in SD1.5; less for networks too narrow for that."""
    return next(groups for groups in (32, 16, 8, 4, 2, 1) if width % groups == 0 and (groups < 32 or width >= 32))


def _unet_config(path, state):
    if "conv_in.weight" not in state or "down_blocks.0.attentions.0.transformer_blocks.0.attn2.to_k.weight" not in state:
        raise HostError(f"{path}: this checkpoint's UNet is not SD 1.5's. The embedded host runs SD 1.5 checkpoints.")
    widths = [state[f"down_blocks.{level}.resnets.0.conv1.weight"].shape[0] for level in range(4)]
    context = state["down_blocks.0.attentions.0.transformer_blocks.0.attn2.to_k.weight"].shape[1]
    return {"in_channels": state["conv_in.weight"].shape[1], "out_channels": 4, "layers_per_block": 2,
            "block_out_channels": widths, "cross_attention_dim": context, "attention_head_dim": 8,
            "norm_num_groups": _groups(widths[0]), "sample_size": 64}


def _vae_config(state):
    levels = range(sum(f"encoder.down_blocks.{level}.resnets.0.conv1.weight" in state for level in range(8)))
    widths = [state[f"encoder.down_blocks.{level}.resnets.0.conv1.weight"].shape[0] for level in levels]
    layers = sum(f"encoder.down_blocks.0.resnets.{layer}.conv1.weight" in state for layer in range(8))
    return {"in_channels": 3, "out_channels": 3, "latent_channels": 4, "block_out_channels": widths,
            "layers_per_block": layers, "down_block_types": ["DownEncoderBlock2D"] * len(widths),
            "up_block_types": ["UpDecoderBlock2D"] * len(widths), "norm_num_groups": _groups(widths[0]),
            "scaling_factor": 0.18215, "sample_size": 512}


def _text_config(state, tokenizer):
    vocabulary, width = state["text_model.embeddings.token_embedding.weight"].shape
    layers = sum(f"text_model.encoder.layers.{layer}.layer_norm1.weight" in state for layer in range(48))
    inner = state["text_model.encoder.layers.0.mlp.fc1.weight"].shape[0]
    return {"vocab_size": vocabulary, "hidden_size": width, "intermediate_size": inner, "num_hidden_layers": layers,
            "num_attention_heads": max(1, width // 64), "max_position_embeddings": 77, "hidden_act": "quick_gelu",
            "projection_dim": width, "bos_token_id": tokenizer.bos_token_id, "eos_token_id": tokenizer.eos_token_id,
            "pad_token_id": tokenizer.pad_token_id}
