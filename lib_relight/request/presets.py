"""Presets: the panel's fields, except pictures, under a name, all in one JSON file that can be shared.

The file: {"version": 1, "presets": {"my light": {"light": "left", "unit1_weight": 0.5}}}, fields under their panel names.
"""

from __future__ import annotations

import json
import os
import threading
import time
from collections.abc import Mapping
from pathlib import Path

from ...lib_common.fields import reject_unknown, short_repr
from ...lib_iclight.params import IMAGE_FIELDS, IcLightParams
from ...lib_ipadapter import params as ip_params
from ..base.errors import RelightError, UserError
from .ip_adapter_unit import MAX_UNITS
from .panel_values import ICLIGHT_SCHEMA, PANEL_ORDER, UNIT_SCHEMA, panel_value, unit_name

VERSION = 1
LONGEST_NAME = 60
NOT_IN_NAMES = '/\\"<>|\n\r\t'
PICTURES = {*IMAGE_FIELDS, *(unit_name(number, name) for number in range(1, MAX_UNITS + 1)
                             for name in ("image", "more", "mask", "image_mask", "negative_image"))}
PRESET_FIELDS = tuple(name for name in PANEL_ORDER if name not in PICTURES and name != "enabled")
"""What a preset holds, in the panel's order. Whether Relight is on is the user's to say."""


def item_of(name: str):
    """The schema field behind a panel name, or None for the panel's own ticks (iclight, unit1_enabled, …)."""
    unit, _, rest = name.partition("_")
    return UNIT_SCHEMA.get(rest) if unit.startswith("unit") else ICLIGHT_SCHEMA.get(name)


def default_value(name: str):
    """The panel's value of a field that a preset does not name."""
    item = item_of(name)
    if item is None:
        return name == "iclight"
    if item.default is None or item.default == ():
        return True if "bool" in item.type else ""
    return item.default


def check_field(name: str, value) -> None:
    """Raises the schema's own sentence for a value that the field cannot have."""
    item = item_of(name)
    if item is None:
        if not isinstance(value, bool):
            raise RelightError(f"`{name}` is {short_repr(value)}; it must be true or false.")
    elif name in ICLIGHT_SCHEMA:
        IcLightParams(**{name: panel_value(item, value)})
    else:
        ip_params.IpAdapterParams.check(item.name, panel_value(item, value))


def check_name(name) -> str:
    """The name without blanks around it. Raises RelightError for one that a file, an address or a menu cannot carry."""
    clean = name.strip() if isinstance(name, str) else ""
    if not clean:
        raise RelightError("The preset has no name; write one, for example `evening window`.")
    if len(clean) > LONGEST_NAME:
        raise RelightError(f"The preset's name has {len(clean)} characters; use at most {LONGEST_NAME}.")
    if bad := [mark for mark in clean if mark in NOT_IN_NAMES or not mark.isprintable()]:
        raise RelightError(f"The preset's name has {bad[0]!r} in it; use letters, numbers, blanks and signs such as - or _.")
    return clean


def check_fields(values, version: int = VERSION) -> dict:
    """values as they may be stored. Fields that this version does not know are kept only if a newer one wrote them."""
    if not isinstance(values, Mapping):
        raise RelightError(f"The preset is {type(values).__name__}; it must be an object such as {{\"light\": \"left\"}}.")
    if pictures := [name for name in values if name in PICTURES]:
        raise RelightError(f"`{pictures[0]}` is a picture, and presets hold none; leave it out.")
    if version <= VERSION:
        reject_unknown(values, PRESET_FIELDS, "preset", RelightError)
    for name in PRESET_FIELDS:
        if name in values:
            check_field(name, values[name])
    return dict(values)


def usable(values: Mapping) -> tuple[dict, list[str]]:
    """A stored preset as panel values, complete, and a sentence for each value that cannot be used and became the default."""
    result, remarks = {}, []
    for name in PRESET_FIELDS:
        result[name] = values.get(name, default_value(name))
        try:
            check_field(name, result[name])
        except UserError as error:
            if name in values:
                remarks.append(f"{error} The default was taken.")
            result[name] = default_value(name)
    return result, remarks


class PresetStore:
    """The presets of one file. Every method reads it anew, so that several pages and processes agree; writes are atomic."""

    def __init__(self, path: Path):
        self.path = path
        self.lock = threading.RLock()

    def names(self) -> list[str]:
        with self.lock:
            return sorted(self.stored(self.read()), key=str.casefold)

    def all(self) -> dict[str, dict]:
        with self.lock:
            return self.stored(self.read())

    def get(self, name: str) -> dict:
        with self.lock:
            return self.entry(self.read(), name)

    def put(self, name: str, values: Mapping, version: int = VERSION) -> str:
        """Store under a name, old or new; what an older entry holds beyond this version's fields stays. Returns the name."""
        name, values = check_name(name), check_fields(values, version)
        with self.lock:
            document = self.read()
            entries = document.setdefault("presets", {})
            old = entries.get(name)
            kept = {key: value for key, value in old.items() if key not in PRESET_FIELDS} if isinstance(old, dict) else {}
            entries[name] = {**kept, **values}
            self.write(document)
        return name

    def rename(self, name: str, new_name: str) -> str:
        new_name = check_name(new_name)
        with self.lock:
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
        with self.lock:
            document = self.read()
            self.entry(document, name)
            del document["presets"][name]
            self.write(document)

    def share(self, names: list[str] | None = None) -> str:
        """JSON text that `accept` takes: the named presets, or all."""
        with self.lock:
            document = self.read()
            entries = {name: self.entry(document, name) for name in names or self.stored(document)}
            version = max(VERSION, version_of(document))
        return json.dumps({"version": version, "presets": entries}, ensure_ascii=False, indent=2)

    def accept(self, text: str) -> list[str]:
        """Add the presets of a shared JSON text; one whose name is taken by different values gets a number. Returns names."""
        document = parse_document(text, "The shared text")
        if not (entries := self.stored(document)):
            raise RelightError("The shared text holds no presets; it must look like "
                               "{\"version\": 1, \"presets\": {\"name\": {…}}}.")
        version = version_of(document)
        checked = {check_name(name): check_fields(values, version) for name, values in entries.items()}
        with self.lock:
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

    def read(self) -> dict:
        """The whole document. A file that is no JSON is renamed, so that nothing is lost, and the error says to what."""
        try:
            text = self.path.read_bytes().decode("utf-8", errors="replace")
        except FileNotFoundError:
            return {"version": VERSION, "presets": {}}
        except OSError as error:
            raise RelightError(f"The presets in {self.path} cannot be read ({error}); check the file's rights.", 500) from error
        try:
            return parse_document(text, f"The presets file {self.path}")
        except RelightError as error:
            raise RelightError(f"{error} It was kept as {self.put_aside().name}; presets start empty, mend that file and put it "
                               "back to have the old ones.", 500) from error

    def put_aside(self) -> Path:
        stamp, number = time.strftime("%Y%m%d-%H%M%S"), 1
        while (aside := self.path.with_name(f"{self.path.name}.broken-{stamp}-{number}")).exists():
            number += 1
        os.replace(self.path, aside)
        return aside

    def write(self, document: Mapping) -> None:
        partial = self.path.with_name(f"{self.path.name}.{os.getpid()}.part")
        try:
            self.path.parent.mkdir(parents=True, exist_ok=True)
            partial.write_text(json.dumps(document, ensure_ascii=False, indent=2), "utf-8")
            os.replace(partial, self.path)
        except OSError as error:
            partial.unlink(missing_ok=True)
            raise RelightError(f"The presets could not be written to {self.path} ({error}); check the folder's rights and "
                               "space.", 500) from error


def parse_document(text: str, what: str) -> dict:
    try:
        document = json.loads(text)
    except ValueError as error:
        raise RelightError(f"{what} is no JSON ({error}).") from error
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
