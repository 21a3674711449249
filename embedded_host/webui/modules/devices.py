"""The device this host computes on. Needed by: embedded_host/install.py, backend/memory_management.py, modules.processing*."""

from __future__ import annotations

import gc

import torch
from torch import Tensor

device = torch.device("cpu")
dtype_unet = dtype_vae = torch.float32


class NansException(Exception):
    """The UNet's output is of no use."""


def configure(name: str) -> None:
    """Choose the device and the UNet's dtype: float16 on CUDA, float32 elsewhere. The VAE is always float32.

    name: "auto" takes CUDA where there is one.
    """
    global device, dtype_unet
    automatic = "cuda" if torch.cuda.is_available() else "cpu"
    device = torch.device(automatic if name == "auto" else name)
    dtype_unet = torch.float16 if device.type == "cuda" else torch.float32


def torch_gc() -> None:
    """Give memory back to the GPU's driver; on a CPU there is none to give, and collecting takes longer than a small job."""
    if device.type == "cuda":
        gc.collect()
        torch.cuda.empty_cache()


def test_for_nans(x: Tensor, where: str) -> None:
    """Raise NansException when every number is NaN. where: the network that x comes from."""
    if torch.isnan(x).all():
        raise NansException(f"The {where} returned nothing but NaN. Check the checkpoint and the patches of other extensions.")
