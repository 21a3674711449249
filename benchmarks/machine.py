"""Names the machine, the library versions and the load that a measurement was made with."""

from __future__ import annotations

import os
import platform
import time
from importlib.metadata import PackageNotFoundError, version

import torch

LIBRARIES = ("torch", "diffusers", "transformers", "numpy", "Pillow", "gradio")


def load() -> str:
    """Return the load average over the last minute, where the machine has one."""
    return f"{os.getloadavg()[0]:.1f}" if hasattr(os, "getloadavg") else "unknown"


def installed(name: str) -> str:
    try:
        return version(name)
    except PackageNotFoundError:
        return "missing"


def describe(device: str) -> dict[str, str]:
    """Return what a reader of the figures needs: machine, device, libraries, load average and time."""
    gpu = torch.cuda.get_device_name(device) if device.startswith("cuda") else "none"
    return {"date": time.strftime("%Y-%m-%d %H:%M"), "system": platform.platform(), "processor": platform.machine(),
            "cores": str(os.cpu_count()), "threads": str(torch.get_num_threads()), "load average": load(), "device": device,
            "GPU": gpu, "python": platform.python_version(), **{name: installed(name) for name in LIBRARIES}}
