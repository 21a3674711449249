"""Loads an SD1.5 checkpoint, from a diffusers folder or a single LDM file, into the `p.sd_model` of jobs."""

from __future__ import annotations

from pathlib import Path

from .clip_vocabulary import load_tokenizer
from ..errors import HostError
from .keymaps import clip_name
from .single_file import fill_text_encoder, find_checkpoint, load_single_file

WEIGHTS = ("diffusion_pytorch_model.safetensors", "diffusion_pytorch_model.fp16.safetensors")


def load_model(models_dir: Path):
    """The checkpoint in models_dir as `p.sd_model`. Raises HostError with one sentence."""
    if (models_dir / "unet" / "config.json").is_file():
        parts = _load_folder(models_dir)
    else:
        checkpoint = find_checkpoint(models_dir)
        if checkpoint is None:
            raise HostError(
                f"{models_dir}: no checkpoint here. Put a diffusers folder (unet, vae, text_encoder, tokenizer) or an "
                "SD 1.5 checkpoint (*.safetensors) into it.")
        parts = load_single_file(checkpoint)
    return _assemble(*parts)


def _load_folder(folder: Path):
    from diffusers import AutoencoderKL, UNet2DConditionModel
    from diffusers.utils import is_accelerate_available

    unet_file = next((folder / "unet" / name for name in WEIGHTS if (folder / "unet" / name).is_file()), None)
    if unet_file is None:
        raise HostError(f"{folder / 'unet'}: no {WEIGHTS[0]}. Only .safetensors are read.")
    options = {"local_files_only": True, "low_cpu_mem_usage": is_accelerate_available()}
    if unet_file.name == WEIGHTS[1]:
        options["variant"] = "fp16"
    try:
        unet = UNet2DConditionModel.from_pretrained(folder / "unet", **options)
        vae = AutoencoderKL.from_pretrained(folder / "vae", **options)
    except OSError as error:
        raise HostError(f"{folder}: {error}") from error
    text = load_text_encoder(folder / "text_encoder")
    return unet, vae, text, load_tokenizer(folder), unet_file, folder.name


def load_text_encoder(folder: Path):
    """A CLIPTextModel, whichever version of transformers wrote the file (5 leaves `text_model.` out of the names)."""
    from safetensors.torch import load_file
    from transformers import CLIPTextConfig, CLIPTextModel

    file = next(iter(sorted(folder.glob("model*.safetensors"))), None)
    if file is None or not (folder / "config.json").is_file():
        raise HostError(f"{folder}: no config.json with model.safetensors. Only .safetensors are read.")
    model = CLIPTextModel(CLIPTextConfig.from_pretrained(folder, local_files_only=True))  # nosec B615
    fill_text_encoder(file, model, {clip_name(key): value for key, value in load_file(file).items()})
    return model


def _assemble(unet, vae, text, tokenizer, weight_file, name):
    import torch
    from modules.sd_models import CheckpointInfo
    from modules.sd_models_types import StableDiffusion

    names = unet_names()
    unknown = [module for module, layer in unet.named_modules()
               if any(True for _ in layer.parameters(recurse=False)) and module not in names]
    if unknown:
        raise HostError(f"{weight_file}: this UNet is not laid out as SD 1.5's (`{unknown[0]}` is not part of that). "
                        "The embedded host runs SD 1.5 checkpoints.")
    parts = [part.to(torch.float32) for part in (unet, vae, text)]
    return StableDiffusion(*parts, tokenizer, names, CheckpointInfo(weight_file, name))


def unet_names() -> dict[str, str]:
    """{diffusers module name: LDM module name} of SD1.5's UNet."""
    from ...lib_iclight.keymap import unet_key_map

    return {key.rsplit(".", 1)[0]: ldm.rsplit(".", 1)[0] for key, ldm in unet_key_map().items()}
