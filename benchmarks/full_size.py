"""A random SD 1.5 of full size with IC-Light files, an image encoder and an image prompt model, made once for `bench --full`.

The values do not matter for time. The tokenizer is the demo's, whose vocabulary is small: the text encoder lacks 37 million
weights of its table of words, which no step reads.
"""

from __future__ import annotations

import json
import os
import shutil
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from diffusers import AutoencoderKL
from safetensors.torch import save_file
from torch import Tensor
from transformers import CLIPTextConfig, CLIPTextModel, CLIPTokenizer, CLIPVisionConfig, CLIPVisionModelWithProjection

from ..embedded_host.cli.session import REAL_SIDE, ROOT
from ..training.models import IMAGE_TOKENS, Sizes, build_unet, clean_json, save_pipeline_files
from ..training.tokenizer import write_tokenizer

PLACE = ROOT / ".relight"
WHOLE = "complete"
"""Name of the file that is written last."""
SPREAD, OFFSET = 0.02, 0.001


@dataclass(frozen=True)
class Shape:
    """Sizes of SD 1.5 and of the image encoder that its IP-Adapter was made for."""

    widths: Sizes = Sizes(unet=(320, 640, 1280, 1280), unet_groups=32, vae=(128, 256, 512, 512), vae_groups=32, cross=768)
    text_layers: int = 12
    text_heads: int = 12
    vision: int = 1280
    vision_layers: int = 32
    vision_heads: int = 16
    projection: int = 1024


def folder(device: str, shape: Shape | None = None, place: Path = PLACE) -> Path:
    """Return the folder with these networks, made if it is not there: float16 for a GPU, float32 for a CPU."""
    dtype = torch.float32 if device == "cpu" else torch.float16
    found = place / f"full-size-{'float32' if device == 'cpu' else 'float16'}"
    if not (found / WHOLE).exists():
        shutil.rmtree(found, ignore_errors=True)
        print(f"making random networks of full size in {found}, {'14' if device == 'cpu' else '7'} GB", flush=True)
        part = found.with_name(f"{found.name}-part{os.getpid()}")
        try:
            make(part, shape or Shape(), dtype)
            part.rename(found)
        finally:
            shutil.rmtree(part, ignore_errors=True)
    return found


@torch.no_grad()
def make(place: Path, shape: Shape, dtype: torch.dtype) -> None:
    """Write all files. The caller's random state is left alone."""
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        tokenizer = write_tokenizer(place / "tokenizer")
        for name, build in builders(shape, tokenizer).items():
            module = random_module(build, dtype)
            module.save_pretrained(place / name, safe_serialization=True)
            clean_json(place / name / "config.json")
            if name == "unet":
                write_offsets(module.state_dict(), place)
                write_adapter(module, shape, place / "ip-adapter.safetensors")
    save_pipeline_files(place)
    index = place / "model_index.json"
    index.write_text(json.dumps({**json.loads(index.read_text()), "_relight": "random"}, indent=2) + "\n")
    (place / WHOLE).touch()


def builders(shape: Shape, tokenizer: CLIPTokenizer) -> dict[str, Callable[[], Any]]:
    """Return what builds each network, by the name of its folder."""
    widths, last = shape.widths, tokenizer.eos_token_id
    text = CLIPTextConfig(vocab_size=len(tokenizer), hidden_size=widths.cross, intermediate_size=4 * widths.cross,
                          num_hidden_layers=shape.text_layers, num_attention_heads=shape.text_heads, max_position_embeddings=77,
                          hidden_act="quick_gelu", bos_token_id=tokenizer.bos_token_id, eos_token_id=last, pad_token_id=last)
    vision = CLIPVisionConfig(hidden_size=shape.vision, intermediate_size=4 * shape.vision, hidden_act="gelu", image_size=224,
                              num_hidden_layers=shape.vision_layers, num_attention_heads=shape.vision_heads, patch_size=14,
                              projection_dim=shape.projection)
    return {"unet": lambda: resized(build_unet(widths)), "vae": lambda: build_vae(widths),
            "text_encoder": lambda: CLIPTextModel(text), "image_encoder": lambda: CLIPVisionModelWithProjection(vision)}


def resized(unet: Any) -> Any:
    """Return the UNet with the latent size that SD 1.5 was trained at."""
    unet.register_to_config(sample_size=REAL_SIDE // 8)
    return unet


def build_vae(widths: Sizes) -> AutoencoderKL:
    return AutoencoderKL(down_block_types=("DownEncoderBlock2D",) * 4, up_block_types=("UpDecoderBlock2D",) * 4,
                         block_out_channels=widths.vae, layers_per_block=2, norm_num_groups=widths.vae_groups, latent_channels=4,
                         sample_size=REAL_SIDE)


@torch.no_grad()
def random_module(build: Callable[[], Any], dtype: torch.dtype) -> Any:
    """Return a network with small random weights, without torch's own initialisation, which takes a minute at full size."""
    with torch.device("meta"):
        module = build()
    module = module.to(dtype).to_empty(device="cpu").eval()
    for name, weight in module.named_parameters():
        weight.fill_(1.0) if "norm" in name and name.endswith("weight") else weight.uniform_(-SPREAD, SPREAD)
    return module


def random_tensor(like: Tensor, *shape: int, spread: float = OFFSET) -> Tensor:
    return torch.empty(shape or like.shape, dtype=like.dtype).uniform_(-spread, spread)


def write_offsets(weights: dict[str, Tensor], place: Path) -> None:
    """Write IC-Light's files, fc and fbc."""
    for kind, channels in (("fc", 8), ("fbc", 12)):
        offsets = {key: random_tensor(weight) for key, weight in weights.items()}
        wide, _, *kernel = weights["conv_in.weight"].shape
        offsets["conv_in.weight"] = random_tensor(weights["conv_in.weight"], wide, channels, *kernel)
        save_file(offsets, place / f"iclight_{kind}.safetensors", {"format": "pt"})


def write_adapter(unet: Any, shape: Shape, path: Path) -> None:
    """Write a base model for image prompts."""
    cross, like = shape.widths.cross, next(unet.parameters())
    state = {"image_proj.proj.weight": random_tensor(like, IMAGE_TOKENS * cross, shape.projection, spread=SPREAD),
             "image_proj.proj.bias": torch.zeros(IMAGE_TOKENS * cross, dtype=like.dtype),
             "image_proj.norm.weight": torch.ones(cross, dtype=like.dtype),
             "image_proj.norm.bias": torch.zeros(cross, dtype=like.dtype)}
    for number, name in enumerate(unet.attn_processors):
        if "attn2" in name:
            keys = unet.get_submodule(name.removesuffix(".processor")).to_k.weight
            state |= {f"ip_adapter.{number}.to_{part}_ip.weight": random_tensor(keys, spread=SPREAD) for part in "kv"}
    save_file(state, path, {"format": "pt"})
