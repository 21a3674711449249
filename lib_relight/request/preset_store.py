"""Stores presets by name in one JSON file, safe against concurrent threads and processes and a crash while writing.

Format: {"version": 1, "presets": {"my light": {"light": "left", "unit1_weight": 0.5}}}, fields under their panel names.
"""

from __future__ import annotations

import json
import os
import time
import uuid
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

from filelock import FileLock, Timeout

from ...lib_common.fields import short_repr
from ..base.errors import RelightError
from .presets import LONGEST_NAME, PRESET_FIELDS, VERSION, check_fields, check_name

LOCK_SECONDS = 30
SECOND_READ_SECONDS = 0.2
"""Delay before a file that is not valid JSON is read again: another program may have been writing it."""


class PresetStore:
    """The presets of one file. Every method reads the file; writes are atomic and serialised across processes."""

    def __init__(self, path: Path):
        self.path = path

    def names(self) -> list[str]:
        return sorted(self.stored(self.read()), key=str.casefold)

    def all(self) -> dict[str, dict]:
        return self.stored(self.read())

    def get(self, name: str) -> dict:
        return self.entry(self.read(), name)

    def put(self, name: str, values: Mapping, version: int = VERSION) -> str:
        """Create or replace a preset and return its name. Fields of newer versions in the replaced one are kept."""
        name, values = check_name(name), check_fields(values, version)
        with self.locked():
            document = self.read()
            entries = document.setdefault("presets", {})
            old = entries.get(name)
            kept = {key: value for key, value in old.items() if key not in PRESET_FIELDS} if isinstance(old, dict) else {}
            entries[name] = {**kept, **values}
            self.write(document)
        return name

    def rename(self, name: str, new_name: str) -> str:
        new_name = check_name(new_name)
        with self.locked():
            document = self.read()
            entry = self.entry(document, name)
            if new_name == name:
                return name
            if new_name in document["presets"]:
                raise RelightError(f"There is a preset {new_name!r} already; choose another name, or delete that one first.")
            del document["presets"][name]
            document["presets"][new_name] = entry
            self.write(document)
        return new_name

    def delete(self, name: str) -> None:
        with self.locked():
            document = self.read()
            self.entry(document, name)
            del document["presets"][name]
            self.write(document)

    def share(self, names: list[str] | None = None) -> str:
        """Return JSON text that `accept` takes: the named presets, or all."""
        document = self.read()
        entries = {name: self.entry(document, name) for name in names or self.stored(document)}
        version = max(VERSION, version_of(document))
        return json.dumps({"version": version, "presets": entries}, ensure_ascii=False, indent=2)

    def accept(self, text: str) -> list[str]:
        """Add the presets of a shared JSON text and return their names; a name taken by other values gets a number."""
        document = parse_document(text, "The shared text")
        if not (entries := self.stored(document)):
            raise RelightError("The shared text holds no presets; it must look like "
                               "{\"version\": 1, \"presets\": {\"name\": {…}}}.")
        version = version_of(document)
        checked = {check_name(name): check_fields(values, version) for name, values in entries.items()}
        with self.locked():
            own = self.read()
            place = own.setdefault("presets", {})
            added = [free_name(name, values, place) for name, values in checked.items()]
            place.update(zip(added, checked.values()))
            own["version"] = max(version, version_of(own))
            self.write(own)
        return added

    @staticmethod
    def stored(document: Mapping) -> dict[str, dict]:
        return {name: dict(values) for name, values in document.get("presets", {}).items() if isinstance(values, Mapping)}

    def entry(self, document: Mapping, name: str) -> dict:
        entries = self.stored(document)
        if name not in entries:
            known = ", ".join(sorted(entries, key=str.casefold)) or "none yet"
            raise RelightError(f"There is no preset {short_repr(name)}; there are: {known}.", 404)
        return entries[name]

    @contextmanager
    def locked(self) -> Iterator[None]:
        """Hold the file's lock against other threads and processes. Raises RelightError if it cannot be acquired."""
        lock = FileLock(f"{self.path}.lock", timeout=LOCK_SECONDS)
        try:
            self.path.parent.mkdir(parents=True, exist_ok=True)
            lock.acquire()
        except Timeout as error:
            raise RelightError(f"The presets in {self.path} are locked by another process for {LOCK_SECONDS} seconds; try "
                               "again later.", 503) from error
        except (OSError, NotImplementedError) as error:
            raise RelightError(self.unwritable(error), 500) from error
        try:
            yield
        finally:
            lock.release()

    def read(self) -> dict:
        """Return the whole document. A file that is invalid twice is renamed to keep it; the error names it."""
        before = None
        while (data := self.read_bytes()) is not None:
            try:
                return parse_document(data.decode(json.detect_encoding(data), errors="replace"), f"The presets file {self.path}")
            except RelightError as error:
                if data == before:
                    raise RelightError(f"{error} It was renamed to {self.put_aside().name}; repair that file and rename it back "
                                       "to restore the presets.", 500) from error
            before = data
            time.sleep(SECOND_READ_SECONDS)
        return {"version": VERSION, "presets": {}}

    def read_bytes(self) -> bytes | None:
        try:
            return self.path.read_bytes()
        except FileNotFoundError:
            return None
        except OSError as error:
            raise RelightError(f"The presets in {self.path} cannot be read ({error}); check the file's permissions.",
                               500) from error

    def put_aside(self) -> Path:
        aside = self.path.with_name(f"{self.path.name}.broken-{time.strftime('%Y%m%d-%H%M%S')}-{uuid.uuid4().hex[:6]}")
        try:
            os.replace(self.path, aside)
        except OSError as error:
            raise RelightError(self.unwritable(error), 500) from error
        return aside

    def write(self, document: Mapping) -> None:
        """Replace the file atomically after the new content is on the disk."""
        partial = self.path.with_name(f"{self.path.name}.{uuid.uuid4().hex}.part")
        try:
            with open(partial, "xb") as file:
                file.write(encoded(document))
                file.flush()
                os.fsync(file.fileno())
            os.replace(partial, self.path)
        except OSError as error:
            partial.unlink(missing_ok=True)
            raise RelightError(self.unwritable(error), 500) from error

    def unwritable(self, error: Exception) -> str:
        return f"The presets could not be written to {self.path} ({error}); check the folder's permissions and free space."


def encoded(document: Mapping) -> bytes:
    """Encode the document as UTF-8; lone surrogates become JSON escapes."""
    try:
        return json.dumps(document, ensure_ascii=False, indent=2).encode()
    except UnicodeEncodeError:
        return json.dumps(document, indent=2).encode()


def parse_document(text: str, what: str) -> dict:
    try:
        document = json.loads(text.removeprefix("\ufeff"))
    except (ValueError, RecursionError) as error:
        raise RelightError(f"{what} is not valid JSON ({error}).") from error
    if not isinstance(document, dict) or not isinstance(document.get("presets", {}), dict):
        raise RelightError(f"{what} holds no presets; it must look like {{\"version\": 1, \"presets\": {{\"name\": {{…}}}}}}.")
    return document


def version_of(document: Mapping) -> int:
    version = document.get("version", VERSION)
    return version if isinstance(version, int) else VERSION


def free_name(name: str, values: Mapping, taken: Mapping) -> str:
    number, candidate = 2, name
    while candidate in taken and taken[candidate] != values:
        candidate, number = f"{name[:LONGEST_NAME - 5]} ({number})", number + 1
    return candidate
