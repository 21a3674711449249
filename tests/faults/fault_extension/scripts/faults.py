"""Test extension: POST /faults/{where} makes the next call of one step of a job run out of memory."""

import torch
from modules import script_callbacks
from sd_relight.embedded_host.engine import weight_merge
from sd_relight.lib_iclight import light_map
from sd_relight.lib_relight.hosts.patcher import PatcherHost
from sd_relight.lib_relight.job.ip_adapter_pass import IpAdapterPass
from sd_relight.lib_relight.matting import matting

STEPS = {"merge": (weight_merge, "merged_weight", 100, MemoryError()),
         "encode": (PatcherHost, "encode", 0, torch.OutOfMemoryError("CUDA out of memory. Tried to allocate 2.00 GiB.")),
         "image prompt": (IpAdapterPass, "encode", 0, RuntimeError("DefaultCPUAllocator: can't allocate memory")),
         "cut-out": (matting, "choose", 0, MemoryError()),
         "light map": (light_map, "render_band", 0, MemoryError())}
"""By step: its function's owner and name, how many calls succeed first, and what the next one raises."""


def arm(where: str) -> dict:
    owner, name, succeed, error = STEPS[where]
    function, calls = getattr(owner, name), []

    def failing(*args, **kwargs):
        calls.append(name)
        if len(calls) <= succeed:
            return function(*args, **kwargs)
        setattr(owner, name, function)
        raise error

    setattr(owner, name, failing)
    return {}


script_callbacks.on_app_started(lambda page, app: app.add_api_route("/faults/{where}", arm, methods=["POST"]))
