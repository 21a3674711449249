"""The one checkpoint of this host. Needed by: lib_relight/hosts/webui.py, embedded_host/host.py, embedded_host/api."""

from __future__ import annotations

import hashlib
from pathlib import Path
from typing import Any

from modules import shared

FULL_HASH_LIMIT = 256 << 20
checkpoints_list: dict[str, CheckpointInfo] = {}
"""By title."""


class CheckpointInfo:
    """filename: the file that holds the UNet; name: what users call it."""

    sha256 = None

    def __init__(self, filename: Path | str, name: str):
        self.filename, self.name = str(filename), name
        self.name_for_extra = self.model_name = str(Path(name).with_suffix(""))
        self.shorthash = model_hash(self.filename)
        self.title = f"{name} [{self.shorthash}]"


def model_hash(filename: str) -> str:
    """Return the first 10 digits of a small file's SHA-256; of a large one A1111's old 8-digit hash of a part of it."""
    with Path(filename).open("rb") as content:
        if Path(filename).stat().st_size <= FULL_HASH_LIMIT:
            return hashlib.sha256(content.read()).hexdigest()[:10]
        content.seek(0x100000)
        return hashlib.sha256(content.read(0x10000)).hexdigest()[:8]


def set_model(model: Any) -> None:
    """Make a loaded checkpoint the host's one."""
    info = model.sd_checkpoint_info
    checkpoints_list.clear()
    checkpoints_list[info.title] = info
    shared.sd_model, shared.opts.sd_model_checkpoint = model, info.title


def select_checkpoint() -> CheckpointInfo | None:
    return next(iter(checkpoints_list.values()), None)
