"""Builds, loads, saves and merges the demo models: SD 1.5's blocks at small widths."""

from __future__ import annotations

import copy
import json
from dataclasses import dataclass
from pathlib import Path

import torch
from diffusers import AutoencoderKL, UNet2DConditionModel
from safetensors.torch import load_file, save_file
from torch import Tensor, nn
from transformers import (
    CLIPImageProcessor,
    CLIPTextConfig,
    CLIPTextModel,
    CLIPTokenizer,
    CLIPVisionConfig,
    CLIPVisionModelWithProjection,
)

from .latents import SCALING, build_scheduler

IMAGE_TOKENS = 4
HEADS = 8
EXTRA_CHANNELS = {"base": 0, "fc": 4, "fbc": 8, "joint": 8}
OMITTED_KEYS = ("_name_or_path", "dtype", "transformers_version", "_diffusers_version")


@dataclass(frozen=True)
class Sizes:
    """Widths of the four levels and of the text. Levels 1 and 2 must differ, otherwise one of SD 1.5's skip convolutions
    is missing (684 tensors instead of 686)."""

    unet: tuple[int, ...] = (32, 64, 72, 72)
    unet_groups: int = 8
    vae: tuple[int, ...] = (16, 32, 64, 64)
    vae_groups: int = 4
    cross: int = 64
    text_layers: int = 2
    vision: int = 64
    vision_layers: int = 3


DEMO = Sizes()


def build_vae(sizes: Sizes = DEMO) -> AutoencoderKL:
    return AutoencoderKL(
        in_channels=3, out_channels=3, down_block_types=("DownEncoderBlock2D",) * 4,
        up_block_types=("UpDecoderBlock2D",) * 4, block_out_channels=sizes.vae, layers_per_block=1,
        norm_num_groups=sizes.vae_groups, latent_channels=4, sample_size=256, scaling_factor=SCALING)


def build_unet(sizes: Sizes = DEMO, kind: str = "base") -> UNet2DConditionModel:
    """Build a UNet. kind: base (4 input channels), fc (8), fbc or joint (12)."""
    return UNet2DConditionModel(
        sample_size=32, in_channels=4 + EXTRA_CHANNELS[kind], out_channels=4, layers_per_block=2,
        block_out_channels=sizes.unet, cross_attention_dim=sizes.cross, attention_head_dim=HEADS,
        norm_num_groups=sizes.unet_groups, use_linear_projection=False,
        down_block_types=("CrossAttnDownBlock2D",) * 3 + ("DownBlock2D",),
        up_block_types=("UpBlock2D",) + ("CrossAttnUpBlock2D",) * 3)


def build_text(tokenizer: CLIPTokenizer, sizes: Sizes = DEMO) -> CLIPTextModel:
    first, last = tokenizer.bos_token_id, tokenizer.eos_token_id
    return CLIPTextModel(CLIPTextConfig(
        vocab_size=len(tokenizer), hidden_size=sizes.cross, intermediate_size=4 * sizes.cross,
        num_hidden_layers=sizes.text_layers, num_attention_heads=4, max_position_embeddings=77,
        hidden_act="quick_gelu", bos_token_id=first, eos_token_id=last, pad_token_id=last,
        projection_dim=sizes.cross))


def build_vision(sizes: Sizes = DEMO) -> CLIPVisionModelWithProjection:
    return CLIPVisionModelWithProjection(CLIPVisionConfig(
        hidden_size=sizes.vision, intermediate_size=3 * sizes.vision, num_hidden_layers=sizes.vision_layers,
        num_attention_heads=4, image_size=224, patch_size=32, projection_dim=sizes.vision, hidden_act="quick_gelu"))


class ImageProjection(nn.Module):
    """IP-Adapter's ImageProjModel under its official names: one linear layer to the tokens, then a LayerNorm."""

    def __init__(self, sizes: Sizes = DEMO) -> None:
        super().__init__()
        self.proj = nn.Linear(sizes.vision, IMAGE_TOKENS * sizes.cross)
        self.norm = nn.LayerNorm(sizes.cross)

    def forward(self, embeds: Tensor) -> Tensor:
        """Project image embeddings [B, vision] to tokens [B, IMAGE_TOKENS, cross]."""
        return self.norm(self.proj(embeds).reshape(len(embeds), IMAGE_TOKENS, -1))


def widened(weight: Tensor, channels: int) -> Tensor:
    """Append zero input channels to conv_in's weight up to `channels`."""
    missing = channels - weight.shape[1]
    return torch.cat([weight, weight.new_zeros(weight.shape[0], missing, *weight.shape[2:])], 1)


def offsets_between(base: dict[str, Tensor], tuned: dict[str, Tensor]) -> dict[str, Tensor]:
    """Return tuned - base as float16, with base as stored (float16): the layout of IC-Light's files."""
    stored = {k: v.half().float() for k, v in base.items()}
    stored["conv_in.weight"] = widened(stored["conv_in.weight"], tuned["conv_in.weight"].shape[1])
    return {k: (v.float() - stored[k]).half() for k, v in tuned.items()}


def with_offsets(base: dict[str, Tensor], offsets: dict[str, Tensor]) -> dict[str, Tensor]:
    """Return base + offsets in float32, as an IC-Light file is applied."""
    out = {k: v.float() for k, v in base.items()}
    out["conv_in.weight"] = widened(out["conv_in.weight"], offsets["conv_in.weight"].shape[1])
    return {k: v + offsets[k].float() for k, v in out.items()}


def save_tensors(tensors: dict[str, Tensor], path: Path) -> None:
    """Write float16 safetensors."""
    path.parent.mkdir(parents=True, exist_ok=True)
    save_file({k: v.detach().half().contiguous().cpu() for k, v in tensors.items()}, str(path), {"format": "pt"})


def save_half(module, folder: Path) -> None:
    """Write a diffusers or transformers model as float16, with a config that every supported version can read."""
    copy.deepcopy(module).half().cpu().to(memory_format=torch.contiguous_format).save_pretrained(
        folder, safe_serialization=True)
    clean_json(folder / "config.json")


def clean_json(path: Path) -> None:
    """Remove config entries that name the writing machine or library version."""
    config = json.loads(path.read_text())
    path.write_text(json.dumps({k: v for k, v in config.items() if k not in OMITTED_KEYS}, indent=2, sort_keys=True) + "\n")


def save_pipeline_files(folder: Path) -> None:
    """Write the scheduler, image processor and model_index.json of a diffusers pipeline."""
    build_scheduler().save_pretrained(folder / "scheduler")
    clean_json(folder / "scheduler" / "scheduler_config.json")
    side = {"height": 224, "width": 224}
    CLIPImageProcessor(size={"shortest_edge": 224}, crop_size=side).save_pretrained(folder / "feature_extractor")
    index = {
        "_class_name": "StableDiffusionPipeline", "_diffusers_version": "0.31.0",
        "vae": ["diffusers", "AutoencoderKL"], "text_encoder": ["transformers", "CLIPTextModel"],
        "tokenizer": ["transformers", "CLIPTokenizer"], "unet": ["diffusers", "UNet2DConditionModel"],
        "scheduler": ["diffusers", "DDIMScheduler"], "safety_checker": [None, None],
        "feature_extractor": ["transformers", "CLIPImageProcessor"], "requires_safety_checker": False,
        "image_encoder": ["transformers", "CLIPVisionModelWithProjection"],
    }
    (folder / "model_index.json").write_text(json.dumps(index, indent=2) + "\n")


def save_unets(models: Path, unets: dict[str, UNet2DConditionModel]) -> None:
    """Write base, fc or fbc; fc and fbc as offsets. With a new base the folder's other offsets are rewritten, so that
    base + offsets stays the same."""
    unets = dict(unets)
    base = unets.pop("base", None)
    if base is not None:
        there = [k for k in ("fc", "fbc") if (models / f"iclight_{k}.safetensors").exists()]
        unets = {**{k: load_unet(models, k) for k in there if k not in unets}, **unets}
        save_half(base, models / "unet")
    stored = load_unet(models).state_dict()
    for kind, unet in unets.items():
        save_tensors(offsets_between(stored, {k: v.cpu() for k, v in unet.state_dict().items()}),
                     models / f"iclight_{kind}.safetensors")


def load_unet(models: Path, kind: str = "base") -> UNet2DConditionModel:
    """Load the folder's UNet in float32, with its fc or fbc offsets added."""
    base = UNet2DConditionModel.from_pretrained(models / "unet", torch_dtype=torch.float32)
    if kind == "base":
        return base.eval()
    unet = UNet2DConditionModel.from_config({**base.config, "in_channels": 4 + EXTRA_CHANNELS[kind]})
    unet.load_state_dict(with_offsets(base.state_dict(), load_file(str(models / f"iclight_{kind}.safetensors"))))
    return unet.eval()
