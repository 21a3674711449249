"""Compares a model file with the published one, by size and SHA-256."""

from __future__ import annotations

import hashlib
from pathlib import Path

from ..base.known_files import KnownFile

STAGING = ".relight-partial"
"""Folder for unfinished downloads inside the target folder; nothing below it is listed as a model."""
BLOCK = 2**20


def mismatch(file: KnownFile, path: Path, sha256: str | None = None) -> str | None:
    """Return how a file differs from the published one, None if it does not or if nothing is known of it.

    sha256: stated by the server, for a file whose table entry has none.
    """
    size, wanted = path.stat().st_size, file.sha256 or sha256
    if file.size is not None and size != file.size:
        return f"it has {size:,} bytes instead of {file.size:,}"
    if wanted is not None and sha256_of(path) != wanted:
        return "its SHA-256 is not the published one"
    return None


def sha256_of(path: Path) -> str:
    digest = hashlib.sha256()
    with path.open("rb") as file:
        while block := file.read(BLOCK):
            digest.update(block)
    return digest.hexdigest()
