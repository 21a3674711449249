"""The published model files that Relight can use: kind, size, hash, licence, source and folder; read from known_files.json."""

from __future__ import annotations

import json
from dataclasses import dataclass
from functools import cache
from pathlib import Path

TABLE = Path(__file__).with_suffix(".json")


@dataclass(frozen=True)
class KnownFile:
    """name: how users call it.  file: its name on disk.  kind: IC-Light, IP-Adapter, image encoder, …  base: sd15, sdxl or "".

    size, sha256: of the published file, None where no public source states them.  megabytes: approximate size, None if unknown.
    commercial: whether the licence allows commercial use.  hub, path: repository on huggingface.co and file in it; url: the
    address of a file that is on no hub.  folder: below the models folder.  needs: names of the files that it works with.
    """

    name: str
    file: str
    kind: str
    licence: str
    folder: str
    purpose: str
    base: str = ""
    size: int | None = None
    megabytes: int | None = None
    sha256: str | None = None
    commercial: bool = True
    hub: str = ""
    path: str = ""
    url: str = ""
    needs: tuple[str, ...] = ()

    @property
    def expected_bytes(self) -> int:
        """The published size, else the approximate one; 0 if both are unknown."""
        return self.size or (self.megabytes or 0) * 10**6

    @property
    def source(self) -> str:
        """The page or address that the file comes from."""
        return f"https://huggingface.co/{self.hub}" if self.hub else self.url


@cache
def known_files() -> dict[str, KnownFile]:
    """Return name -> file, in the order of the table."""
    entries = json.loads(TABLE.read_text("utf-8"))
    files = (KnownFile(**{**entry, "needs": tuple(entry.get("needs", ()))}) for entry in entries)
    return {file.name: file for file in files}


def of_kind(kind: str) -> dict[str, KnownFile]:
    return {name: file for name, file in known_files().items() if file.kind == kind}
