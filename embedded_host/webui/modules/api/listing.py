"""The API's lists: models, samplers, settings, memory."""

from __future__ import annotations

import os
from typing import Any

from fastapi.exceptions import HTTPException

from modules import extra_networks_lora, paths, sd_models, sd_samplers, sd_schedulers, shared


def samplers():
    """(name, constructor, aliases, options) of each sampler, constructor left out."""
    return [{"name": entry[0], "aliases": list(entry[2]), "options": dict(entry[3])} for entry in
            sd_samplers.all_samplers]


def schedulers():
    names = ("name", "label", "aliases", "default_rho", "need_inner_model")
    return [{name: getattr(entry, name, None) for name in names} for entry in sd_schedulers.schedulers]


def upscalers():
    return [{"name": entry.name, "model_name": getattr(getattr(entry, "scaler", None), "model_name", None),
             "model_path": getattr(entry, "data_path", None), "model_url": None, "scale": getattr(entry, "scale", None)}
            for entry in shared.sd_upscalers]


def latent_upscale_modes():
    return [{"name": name} for name in shared.latent_upscale_modes]


def checkpoints():
    return [{"title": entry.title, "model_name": entry.model_name, "hash": getattr(entry, "shorthash", None),
             "sha256": getattr(entry, "sha256", None), "filename": str(entry.filename), "config": None}
            for entry in sd_models.checkpoints_list.values()]


def loras():
    """The LoRA files that a prompt can name."""
    folders = [os.path.join(paths.models_path, name) for name in extra_networks_lora.FOLDERS]
    files = {os.path.splitext(os.path.basename(path))[0]: path
             for folder in folders for path in shared.walk_files(folder, [".safetensors"])}
    return [{"name": name, "alias": name, "path": path, "metadata": {}} for name, path in files.items()]


def embeddings():
    return {"loaded": {}, "skipped": {}}


def options():
    """Every setting with its current value."""
    defaults = {key: info.default for key, info in shared.opts.data_labels.items()}
    return {**defaults, **shared.opts.data}


def set_options(req: dict[str, Any]):
    """Change settings. Raises HTTPException(422) for a name that does not exist, before anything is changed."""
    known = options()
    unknown = [key for key in req if key not in known]
    if unknown:
        raise HTTPException(status_code=422, detail=f"Setting '{unknown[0]}' not found")
    for key, value in req.items():
        shared.opts.set(key, value, is_api=True)


def cmd_flags():
    return {key: value if isinstance(value, (bool, int, float, str, list, type(None))) else str(value)
            for key, value in vars(shared.cmd_opts).items()}


def memory():
    """Bytes used and free; {"error": …} where the figure cannot be had."""
    return {"ram": _ram(), "cuda": _cuda()}


def _ram():
    try:
        import psutil
    except ImportError:
        return {"error": "psutil is not installed"}
    used = psutil.Process().memory_info().rss
    total = psutil.virtual_memory().total
    return {"free": total - used, "used": used, "total": total}


def _cuda():
    import torch

    if not torch.cuda.is_available():
        return {"error": "unavailable"}
    free, total = torch.cuda.mem_get_info()
    stats = torch.cuda.memory_stats()
    pools = {"allocated": "allocated_bytes", "reserved": "reserved_bytes", "active": "active_bytes",
             "inactive": "inactive_split_bytes"}
    figures = {name: {when: stats.get(f"{key}.all.{when}", 0) for when in ("current", "peak")}
               for name, key in pools.items()}
    return {"system": {"free": free, "used": total - free, "total": total}, **figures,
            "events": {"retries": stats.get("num_alloc_retries", 0), "oom": stats.get("num_ooms", 0)}}


def empty_list():
    return []


def nothing():
    return {}


ROUTES = {
    "samplers": samplers, "schedulers": schedulers, "upscalers": upscalers,
    "latent-upscale-modes": latent_upscale_modes, "sd-models": checkpoints, "sd-vae": empty_list,
    "sd-modules": empty_list, "loras": loras, "embeddings": embeddings, "options": options, "cmd-flags": cmd_flags,
    "memory": memory, "hypernetworks": empty_list, "face-restorers": empty_list, "realesrgan-models": empty_list,
    "prompt-styles": empty_list, "extensions": empty_list,
}
