"""GET /relight/v1/status: what is installed, which files are found, and what the jobs so far really did."""

from __future__ import annotations

from . import finder, ip_files
from .caches import counters
from .hooks import model_folders
from .hosts import current_host

VERSION = "0.1.0"


def status() -> dict:
    """counters: weight_reads, encodes, mattes, adapter_reads, image_prompts, keys since the start.

    merged_weights names the set of patches now merged into the host's UNet: the same name, nothing merged in between.
    """
    host = current_host()
    return {
        "version": VERSION,
        "host": host.name,
        "iclight_models": finder.choices(model_folders("iclight")),
        "ip_adapter_models": ip_files.choices(model_folders("ipadapter")),
        "counters": dict(counters),
        "merged_weights": host.merged_weights(),
    }
