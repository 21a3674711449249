"""Loads the IC-Light offsets of a file; cached until the file changes."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import torch

from ...lib_iclight import weights
from ..base.caches import ContentCache, count_read, tensor_bytes
from ..base.progress import SILENT, Progress

files = ContentCache(4 * 2**30, lambda entry: tensor_bytes(entry.deltas), group="weights")


@dataclass(frozen=True)
class Offsets:
    deltas: dict[str, torch.Tensor]
    identity: str


def load(path: Path, kind: str, progress: Progress = SILENT) -> Offsets:
    """Return the offsets under LDM keys, and the identity of their content for the host's cache."""
    identity = weights.offset_identity(path, kind)

    def compute():
        progress(f"reading {path.name}")
        count_read("weight_reads", path)
        return Offsets(weights.load_offsets(path), identity)

    return files.get(identity, compute)
