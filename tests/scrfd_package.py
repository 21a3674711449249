"""SCRFD-2.5G and photographs from the source package `scrfd` of the Python package index: fetched once by hash, never installed."""

from __future__ import annotations

import hashlib
import tarfile
from pathlib import Path

import pytest
from sd_relight.lib_relight.packages.pinned_pip import NETWORK_LIMITS, last_error, run_pip

REQUIREMENT, SHA256 = "scrfd==0.3.0", "35855c664d565492aab0068f1c64b4957a15ca6cd106b9c8b1642d67cfeeb5fc"
ARCHIVE = "scrfd-0.3.0.tar.gz"
DETECTOR = "models/scrfd.onnx"


def unpacked(root: Path, folder: Path) -> Path:
    """Unpack the weights and photographs into the folder. root: the checkout, whose .relight keeps the package.

    Skips the test where the index cannot be reached. Any other content than the pinned one is a failure.
    """
    kept = root / ".relight" / "downloads"
    archive = kept / ARCHIVE
    if not archive.is_file():
        kept.mkdir(parents=True, exist_ok=True)
        wanted = folder / "wanted.txt"
        wanted.write_text(f"{REQUIREMENT} --hash=sha256:{SHA256}\n", "utf-8")
        ok, text = run_pip(["download", "--quiet", "--no-deps", "--no-binary=scrfd", "--require-hashes", *NETWORK_LIMITS,
                            "-d", str(kept), "-r", str(wanted)])
        if not ok or not archive.is_file():
            pytest.skip(f"{REQUIREMENT} with SCRFD's weights cannot be fetched from the package index: {last_error(text)}")
    assert hashlib.sha256(archive.read_bytes()).hexdigest() == SHA256
    with tarfile.open(archive) as opened:
        for member in opened.getmembers():
            name = member.name.partition("/")[2]
            if member.isfile() and name.startswith(("models/", "images/")) and ".." not in name:
                target = folder / name
                target.parent.mkdir(exist_ok=True)
                target.write_bytes(opened.extractfile(member).read())
    return folder
