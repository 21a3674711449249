"""Reads the family and shapes of the selected checkpoint from its header, before the host loads it."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from ...lib_common.errors import UserError
from ...lib_common.file_cache import cached_by_mtime
from ...lib_common.weight_file import read_header, unet_file
from ...lib_iclight.families import CONV_IN, context_width, find_unet, unet_entries
from ...lib_iclight.weights import checkpoint_family
from ..hosts import current_host


@dataclass(frozen=True)
class Checkpoint:
    """family: sd15, sd2, sdxl, iclight (an offset file chosen by mistake), or unknown; the numbers are then 0.

    layers: of attn2. cross: width of its text tokens.
    """

    name: str
    family: str = "unknown"
    in_channels: int = 0
    layers: int = 0
    cross: int = 0


def selected() -> Checkpoint | None:
    """Read the host's selected checkpoint file, which need not be loaded. None if the host has none."""
    try:
        path = current_host().checkpoint_file(None)
    except OSError:  # A1111 without a single checkpoint
        path = None
    return path and inspect(path)


@cached_by_mtime
def inspect(path: Path) -> Checkpoint:
    """Read a checkpoint file or a diffusers folder. Returns the family "unknown" for what cannot be read; never raises."""
    try:
        entries = read_header(unet_file(path))
    except UserError:
        return Checkpoint(path.name)
    found, family = find_unet(entries), checkpoint_family(entries)
    if not found or family == "unknown":
        return Checkpoint(path.name)
    unet = unet_entries(entries, found[0])
    layers = sum(key.endswith("attn2.to_k.weight") for key in unet)
    return Checkpoint(path.name, family, unet[CONV_IN[found[1]]].shape[1], layers, context_width(unet) or 0)
