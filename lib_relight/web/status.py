"""GET /relight/v1/status: version, host, model files, and counters of what was computed."""

from __future__ import annotations

from ..base.caches import counters
from ..checks.messages import State
from ..hosts import current_host
from ..matting import matting
from ..models import checkpoint, iclight_files, ip_adapter_files
from ..models.folders import model_folders

VERSION = "0.1.0"


def status() -> dict:
    """Return the status. counters: weight_reads, adapter_reads, encoder_reads, bytes_read of the three, encodes, mattes,
    image_prompts, keys since the start.

    merged_weights names the set of patches now merged into the host's UNet: the same name, nothing merged in between.
    """
    host = current_host()
    return {
        "version": VERSION,
        "host": host.name,
        "iclight_models": iclight_files.choices(model_folders("iclight")),
        "ip_adapter_models": ip_adapter_files.choices(model_folders("ipadapter")),
        "counters": dict(counters),
        "merged_weights": host.merged_weights(),
    }


def state_now(**known) -> State:
    """Return the host's current state. known: the fields of State that only the caller knows."""
    return State(model_folders, checkpoint=checkpoint.selected(), can_cut_out=matting.can_run, **known)
