"""Downloads a known model file: one at a time across processes, resumed, checked, moved into place only when whole."""

from __future__ import annotations

import os
import re
import shutil
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from http.client import HTTPResponse
from pathlib import Path
from urllib.error import HTTPError

from filelock import FileLock, Timeout

from ...lib_common.errors import UserError
from ..base.errors import RelightError
from ..base.known_files import KnownFile
from ..base.progress import Stopped
from .inspection import recognised
from .integrity import BLOCK, STAGING, mismatch
from .source import open_source, reason_of

SPARE_BYTES = 64 * 2**20
LOCK_POLL_SECONDS = 0.5
DISCARD_SECONDS = 3
"""Time that a cancelled download gets to end."""
PARTIAL_CONTENT, RANGE_NOT_SATISFIABLE = 206, 416
Report = Callable[[int, int], None]
"""Receives (bytes so far, bytes in all or 0) after every block; it may raise Stopped, which cancels the download."""


def part_of(file: KnownFile, folder: Path) -> Path:
    """Return the path of the partial file while the file is downloaded into the folder."""
    return folder / STAGING / file.name / f"{file.file}.part"


def download(file: KnownFile, folder: Path, report: Report = lambda done, total: None) -> Path:
    """Return the file's path in the folder, downloading it unless it is there whole. Raises RelightError and report's Stopped.

    An interrupted download is resumed by the next call, also of another process; while another one downloads the file, this waits
    for it. A file with another size or hash than published is deleted.
    """
    target, part = folder / file.file, part_of(file, folder)
    try:
        if is_whole(file, target):
            return target
        part.parent.mkdir(parents=True, exist_ok=True)
        with exclusive(part, report):
            if not is_whole(file, target):
                sha256 = fetch(file, part, report)
                require_whole(file, part, sha256)
                os.replace(part, target)
    except (RelightError, Stopped):
        raise
    except Exception as error:
        raise RelightError(f"{file.file} could not be downloaded ({reason_of(error)}); get it again to go on, or save the file "
                           f"from {file.source} as {target}.") from error
    remove_folder_of(part)
    return target


def discard(file: KnownFile, folder: Path) -> None:
    """Delete what an unfinished download has left. Raises RelightError (409) while the file is downloaded."""
    part = part_of(file, folder)
    if part.parent.is_dir():
        try:
            with FileLock(part.with_suffix(".lock"), timeout=DISCARD_SECONDS):
                part.unlink(missing_ok=True)
        except Timeout as error:
            raise RelightError(f"{file.file} is still being downloaded; try again in a moment.", 409) from error
        remove_folder_of(part)


def remove_folder_of(part: Path) -> None:
    shutil.rmtree(part.parent, ignore_errors=True)
    with suppress(OSError):  # another download is unfinished
        part.parent.parent.rmdir()


def is_whole(file: KnownFile, target: Path) -> bool:
    return target.is_file() and mismatch(file, target) is None


@contextmanager
def exclusive(part: Path, report: Report) -> Iterator[None]:
    """Hold the lock of a part file against other threads and processes; while waiting, report what they have got."""
    lock = FileLock(part.with_suffix(".lock"), timeout=LOCK_POLL_SECONDS)
    while not lock.is_locked:
        try:
            lock.acquire()
        except Timeout:
            report(size_of(part), 0)
    try:
        yield
    finally:
        lock.release()


def size_of(part: Path) -> int:
    return part.stat().st_size if part.is_file() else 0


def require_space(file: KnownFile, part: Path, missing: int) -> None:
    """Raise RelightError if the disk has too little room for the missing bytes."""
    free = shutil.disk_usage(part.parent).free
    if free < missing + SPARE_BYTES:
        raise RelightError(f"{file.file} needs {missing / 1e6:,.0f} MB more and {part.parents[2]} has {free / 1e6:,.0f} MB free; "
                           "make room, or name another folder.")


def fetch(file: KnownFile, part: Path, report: Report) -> str | None:
    """Complete the part file, going on where an earlier attempt ended if the server still has that content. Returns the SHA-256
    that the server states, if it does."""
    tag, have = part.with_suffix(".etag"), size_of(part)
    if file.size and have == file.size:
        return None
    if file.size and have > file.size or not (tag.is_file() or file.sha256):
        have = 0
    require_space(file, part, file.expected_bytes - have)
    headers = {"Range": f"bytes={have}-"} if have else {}
    if have and tag.is_file():
        headers["If-Range"] = tag.read_text("utf-8")
    try:
        response, sha256 = open_source(file, headers)
    except HTTPError as error:
        if error.code != RANGE_NOT_SATISFIABLE or not have:
            raise
        part.unlink()
        return fetch(file, part, report)
    with response:
        if response.status != PARTIAL_CONTENT:
            have = 0
        elif start_of(response, have) != have:
            raise OSError("the server sent another part of the file than requested")
        write_tag(tag, response)
        copy(file, response, part, have, report)
    return sha256


def start_of(response: HTTPResponse, requested: int) -> int:
    """Return the first byte's position in a partial response; the requested one if the server does not state it."""
    found = re.match(r"bytes (\d+)-", response.headers.get("Content-Range", ""))
    return int(found[1]) if found else requested


def write_tag(tag: Path, response: HTTPResponse) -> None:
    if etag := response.headers.get("ETag"):
        tag.write_text(etag, "utf-8")
    else:
        tag.unlink(missing_ok=True)


def copy(file: KnownFile, response: HTTPResponse, part: Path, have: int, report: Report) -> None:
    """Append a response to the part file from byte `have` on. Raises OSError if it ends early, RelightError if it is too long."""
    length = response.headers.get("Content-Length")
    total = have + int(length) if length else 0
    require_space(file, part, max(total, file.size or 0) - have)
    with part.open("r+b" if have else "wb") as out:
        out.seek(have)
        out.truncate()
        while block := response.read1(BLOCK):
            out.write(block)
            have += len(block)
            if file.size and have > file.size:
                break
            report(have, file.size or total)
    if have < total:
        raise OSError(f"the connection ended after {have:,} of {total:,} bytes")


def require_whole(file: KnownFile, part: Path, sha256: str | None) -> None:
    """Delete the part file and raise RelightError unless it is the published one or, where no hash is known, a readable model."""
    reason = mismatch(file, part, sha256)
    if reason is None and not (file.sha256 or sha256):
        try:
            recognised(part, Path(file.file).suffix)
        except (UserError, ValueError) as error:
            reason = str(error).rstrip(".")
    if reason:
        part.unlink()
        raise RelightError(f"{file.file} was not kept: {reason}; get it again, or from {file.source} by hand.")
