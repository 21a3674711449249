"""Downloads a known model file: resumed, checked by size and SHA-256, moved into place only when whole."""

from __future__ import annotations

import errno
import hashlib
import os
import shutil
import urllib.request
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

from ..base.errors import RelightError
from ..base.known_files import KnownFile

STAGING = ".relight-partial"
"""Folder for unfinished downloads inside the target folder; nothing below it is listed as a model."""
BLOCK = 2**20
TIMEOUT_SECONDS = 30
SPARE_BYTES = 64 * 2**20
STATUS_REASONS = {
    401: "the server asks for a login: accept the licence on the file's page and set HF_TOKEN",
    403: "the server denies access: accept the licence on the file's page and set HF_TOKEN",
    404: "the file is no longer at its address", 429: "the server is busy: try again in some minutes",
}
Report = Callable[[int, int], None]
"""Receives (bytes so far, bytes in all or 0)."""


def download(file: KnownFile, folder: Path, report: Report = lambda done, total: None) -> Path:
    """Return the file's path in the folder, downloading it unless it is there and whole. Raises RelightError.

    An interrupted download is resumed by the next call. A file with another size or hash than published is deleted.
    """
    target = folder / file.file
    if target.is_file() and mismatch(file, target) is None:
        return target
    staging = folder / STAGING / file.name
    try:
        staging.mkdir(parents=True, exist_ok=True)
        require_space(file, folder, staging)
        part = from_hub(file, staging) if file.hub else stream(file, staging / f"{file.file}.part", report)
        if reason := mismatch(file, part):
            part.unlink()
            raise RelightError(f"{file.file} was not kept: {reason}; get it again, or from {file.source} by hand.")
        os.replace(part, target)
    except RelightError:
        raise
    except Exception as error:
        raise RelightError(f"{file.file} could not be downloaded ({reason_of(error)}); run the command again to go on, or save "
                           f"the file from {file.source} as {target}.") from error
    shutil.rmtree(staging, ignore_errors=True)
    with suppress(OSError):  # another download is unfinished
        staging.parent.rmdir()
    return target


def require_space(file: KnownFile, folder: Path, staging: Path) -> None:
    """Raise RelightError if the disk has too little room for what is still to come; unknown sizes are not checked."""
    size = file.size or (file.megabytes or 0) * 10**6
    present = sum(path.stat().st_size for path in staging.rglob("*") if path.is_file())
    free = shutil.disk_usage(folder).free
    if size and free < size - present + SPARE_BYTES:
        raise RelightError(f"{file.file} needs {size / 1e9:.1f} GB and {folder} has {free / 1e9:.1f} GB free; make room, "
                           "or name another folder.")


def from_hub(file: KnownFile, staging: Path) -> Path:
    """Download with huggingface_hub, which resumes and knows HF_ENDPOINT, HF_TOKEN and proxies."""
    from huggingface_hub import hf_hub_download

    return Path(hf_hub_download(file.hub, file.path, local_dir=str(staging), endpoint=os.environ.get("HF_ENDPOINT")))  # nosec B615


def stream(file: KnownFile, part: Path, report: Report) -> Path:
    """Download an address into a .part file, going on where an earlier attempt stopped if the server still has that content."""
    tag = part.with_suffix(".etag")
    have = part.stat().st_size if part.is_file() and tag.is_file() else 0
    request = urllib.request.Request(file.url, headers={"User-Agent": "relight", "Accept-Encoding": "identity"})
    if have:
        request.add_header("Range", f"bytes={have}-")
        request.add_header("If-Range", tag.read_text("utf-8"))
    with urllib.request.urlopen(request, timeout=TIMEOUT_SECONDS) as answer:  # nosec B310
        if answer.headers.get_content_type() == "text/html":
            raise OSError("the server sent a web page instead")
        have = have if answer.status == 206 else 0
        total = have + int(answer.headers.get("Content-Length") or 0)
        if etag := answer.headers.get("ETag"):
            tag.write_text(etag, "utf-8")
        with part.open("ab" if have else "wb") as out:
            while block := answer.read(BLOCK):
                out.write(block)
                have += len(block)
                report(have, total)
    if total and have != total:
        raise OSError(f"the connection ended after {have:,} of {total:,} bytes")
    return part


def mismatch(file: KnownFile, path: Path) -> str | None:
    """Return how a file differs from the published one, None if it does not or if nothing is known of it."""
    size = path.stat().st_size
    if file.size is not None and size != file.size:
        return f"it has {size:,} bytes instead of {file.size:,}"
    if file.sha256 is not None and sha256_of(path) != file.sha256:
        return "its SHA-256 is not the published one"
    return None


def sha256_of(path: Path) -> str:
    digest = hashlib.sha256()
    with path.open("rb") as file:
        while block := file.read(BLOCK):
            digest.update(block)
    return digest.hexdigest()


def reason_of(error: Exception) -> str:
    """Return the reason of a failed download as a clause, by HTTP status where there is one."""
    cause: BaseException | None = error
    while cause is not None:
        status = getattr(getattr(cause, "response", None), "status_code", None) or getattr(cause, "code", None)
        if status in STATUS_REASONS:
            return STATUS_REASONS[status]
        if type(cause).__name__ == "OfflineModeIsEnabled":
            return "the environment variable HF_HUB_OFFLINE forbids it"
        cause = cause.__cause__
    if type(error).__name__ == "LocalEntryNotFoundError":
        return "no connection to the hub"
    if isinstance(error, OSError) and error.errno == errno.ENOSPC:
        return "the disk is full"
    if isinstance(error, TimeoutError) or isinstance(getattr(error, "reason", None), TimeoutError):
        return f"the server sent nothing for {TIMEOUT_SECONDS} seconds"
    lines = str(error).strip().splitlines()
    return f"{type(error).__name__}: {lines[0] if lines else ''}"[:200]
