"""The API's lists: samplers, models, settings, memory."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from modules import extra_networks_lora, paths, sd_models, sd_samplers, sd_schedulers, shared

from ..errors import HostError


def samplers() -> list[dict]:
    return [{"name": name, "aliases": list(aliases), "options": dict(options)}
            for name, _, aliases, options in sd_samplers.all_samplers]


def schedulers() -> list[dict]:
    keys = ("name", "label", "aliases", "default_rho", "need_inner_model")
    return [{key: getattr(scheduler, key, None) for key in keys} for scheduler in sd_schedulers.schedulers]


def upscalers() -> list[dict]:
    return [{"name": upscaler.name, "model_name": None, "model_path": None, "model_url": None,
             "scale": getattr(upscaler, "scale", None)} for upscaler in shared.sd_upscalers]


def latent_upscale_modes() -> list[dict]:
    return [{"name": name} for name in shared.latent_upscale_modes]


def checkpoints() -> list[dict]:
    return [{"title": info.title, "model_name": info.model_name, "hash": getattr(info, "shorthash", None),
             "sha256": getattr(info, "sha256", None), "filename": str(info.filename), "config": None}
            for info in sd_models.checkpoints_list.values()]


def loras() -> list[dict]:
    """Return the LoRA files that a prompt can name."""
    files = [file for folder in extra_networks_lora.FOLDERS for file in Path(paths.models_path, folder).rglob("*.safetensors")]
    return [{"name": file.stem, "alias": file.stem, "path": str(file), "metadata": {}} for file in sorted(files)]


def embeddings() -> dict:
    return {"loaded": {}, "skipped": {}}


def options() -> dict[str, Any]:
    """Return every setting with its current value."""
    return dict(shared.opts.data)


def set_options(req: dict[str, Any]) -> None:
    """Change settings. Raises HostError for an unknown name or an unfit value, before anything is changed."""
    for name, value in req.items():
        if name not in shared.opts.data:
            raise HostError(f"Setting '{name[:80]}' not found")
        if problem := shared.opts.problem(name, value):
            raise HostError(problem)
    for name, value in req.items():
        shared.opts.set(name, value, is_api=True)


def cmd_flags() -> dict[str, Any]:
    plain = (bool, int, float, str, list, type(None))
    return {name: value if isinstance(value, plain) else str(value) for name, value in vars(shared.cmd_opts).items()}


def memory() -> dict[str, dict]:
    """Return bytes used and free; {"error": message} where they are unknown."""
    return {"ram": main_memory(), "cuda": cuda_memory()}


def main_memory() -> dict[str, Any]:
    try:
        import psutil
    except ImportError:
        return {"error": "psutil is not installed"}
    total, used = psutil.virtual_memory().total, psutil.Process().memory_info().rss
    return {"free": total - used, "used": used, "total": total}


def cuda_memory() -> dict[str, Any]:
    import torch

    if not torch.cuda.is_available():
        return {"error": "unavailable"}
    available, total = torch.cuda.mem_get_info()
    return {"system": {"free": available, "used": total - available, "total": total},
            "allocated": {"current": torch.cuda.memory_allocated(), "peak": torch.cuda.max_memory_allocated()}}


def empty_list() -> list:
    return []


def nothing() -> dict:
    return {}


ROUTES = {
    "samplers": samplers, "schedulers": schedulers, "upscalers": upscalers,
    "latent-upscale-modes": latent_upscale_modes, "sd-models": checkpoints, "sd-vae": empty_list,
    "sd-modules": empty_list, "loras": loras, "embeddings": embeddings, "options": options, "cmd-flags": cmd_flags,
    "memory": memory, "hypernetworks": empty_list, "face-restorers": empty_list, "realesrgan-models": empty_list,
    "prompt-styles": empty_list, "extensions": empty_list,
}
