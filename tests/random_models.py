"""Random models in the demo's layout, for tests that must not depend on training."""

from __future__ import annotations

from pathlib import Path

import torch
from ldm_layout import ldm_checkpoint, ldm_offsets
from safetensors.torch import load_file
from sd_relight.training.adapters import adapter_state, add_processors
from sd_relight.training.models import (
    ImageProjection,
    Sizes,
    build_text,
    build_unet,
    build_vae,
    build_vision,
    save_half,
    save_pipeline_files,
    save_tensors,
)
from sd_relight.training.tokenizer import write_tokenizer
from torch import Tensor, nn

EXACT = Sizes(unet=(16, 32, 64, 64), vae=(8, 16, 32, 32), cross=32, vision=32, vision_layers=2)
WEIGHTS = "diffusion_pytorch_model.safetensors"


def shuffled(module: nn.Module, generator: torch.Generator, spread: float = 0.05) -> nn.Module:
    """Move every weight a little, so that none is left at an initial 0 or 1 where a mix-up would not show."""
    with torch.no_grad():
        for parameter in module.parameters():
            parameter.add_(torch.randn(parameter.shape, generator=generator) * spread)
    return module


def random_offsets(shapes: dict[str, Tensor], channels: int, generator: torch.Generator, size: float) -> dict[str, Tensor]:
    """One random offset for each of the UNet's tensors; conv_in's has `channels` input channels."""
    out = {k: torch.randn(v.shape, generator=generator) * size for k, v in shapes.items()}
    wide = shapes["conv_in.weight"].shape
    out["conv_in.weight"] = torch.randn(wide[0], channels, *wide[2:], generator=generator) * size
    return out


def make_random_models(folder: Path, seed: int = 0, sizes: Sizes = EXACT, offset_size: float = 0.02) -> Path:
    """Write a diffusers folder with iclight_fc, iclight_fbc, ip-adapter and image_encoder; about 15 MB with EXACT.

    The same seed gives the same files. The caller's random state is left alone.
    """
    folder = Path(folder)
    generator = torch.Generator().manual_seed(seed)
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        tokenizer = write_tokenizer(folder / "tokenizer")
        unet, projection = build_unet(sizes), ImageProjection(sizes)
        parts = {"unet": unet, "vae": build_vae(sizes), "text_encoder": build_text(tokenizer, sizes),
                 "image_encoder": build_vision(sizes)}
        for name, module in parts.items():
            save_half(shuffled(module, generator), folder / name)
        shapes = unet.state_dict()
        for kind, channels in (("fc", 8), ("fbc", 12)):
            save_tensors(random_offsets(shapes, channels, generator, offset_size), folder / f"iclight_{kind}.safetensors")
        shuffled(add_processors(unet), generator)
        save_tensors(adapter_state(unet, shuffled(projection, generator)), folder / "ip-adapter.safetensors")
    save_pipeline_files(folder)
    return folder


def make_ldm_variants(models: Path, folder: Path) -> Path:
    """Write the same weights in LDM's spelling: model.safetensors, iclight_fc_ldm and iclight_fbc_ldm; any models folder."""
    models, folder = Path(models), Path(folder)
    states = [load_file(str(models / name)) for name in
              (f"unet/{WEIGHTS}", f"vae/{WEIGHTS}", "text_encoder/model.safetensors")]
    save_tensors(ldm_checkpoint(*states), folder / "model.safetensors")
    for kind in ("fc", "fbc"):
        offsets = load_file(str(models / f"iclight_{kind}.safetensors"))
        save_tensors(ldm_offsets(offsets), folder / f"iclight_{kind}_ldm.safetensors")
    return folder
