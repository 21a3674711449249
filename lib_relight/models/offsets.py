"""Loads the IC-Light offsets of a file; cached until the file changes."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import torch

from ...lib_iclight import weights
from ..base.caches import count_read, model_files, tensor_bytes
from ..base.progress import SILENT, Progress


@dataclass(frozen=True)
class Offsets:
    deltas: dict[str, torch.Tensor]
    identity: str

    @property
    def size_in_bytes(self) -> int:
        return tensor_bytes(self.deltas)


def load(path: Path, kind: str, progress: Progress = SILENT) -> Offsets:
    """Return the offsets under LDM keys, and the identity of their content for the host's cache."""
    identity = weights.offset_identity(path, kind)

    def compute():
        progress(f"reading {path.name}")
        count_read("weight_reads", path)
        return Offsets(weights.load_offsets(path), identity)

    return model_files.get(("offsets", identity), compute)
