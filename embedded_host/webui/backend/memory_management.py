"""Where models run and how they get there. Needed by: lib_relight/hosts/forge.py, lib_relight/hosts/patcher.py."""

from __future__ import annotations

from collections.abc import Iterable

import torch
from modules import devices

from sd_relight.embedded_host.engine.patcher import ModelPatcher, load_patchers


def get_torch_device() -> torch.device:
    return devices.device


def load_models_gpu(models: Iterable[ModelPatcher], memory_required: int = 0) -> None:
    """Merge the patchers' weights and move their models to the device; nothing is ever unloaded to make room."""
    load_patchers(models)
