"""Parses quick-prompt lists (words added to the prompt by one click) and loads the examples."""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from pathlib import Path

from PIL import Image

from ...lib_iclight.params import IMAGE_FIELDS
from ..request.images import open_file
from ..request.presets import PRESET_FIELDS, default_value

ASSETS = Path(__file__).resolve().parents[2] / "assets"
SECTIONS = ("subject", "light")
LONGEST_LINE = 300


@dataclass
class QuickPrompts:
    """lists: section -> (name, words) of each entry; remarks: one message per invalid line."""

    lists: dict[str, list[tuple[str, str]]] = field(default_factory=lambda: {section: [] for section in SECTIONS})
    remarks: list[str] = field(default_factory=list)


def parse(text: str, file_name: str) -> QuickPrompts:
    found, section = QuickPrompts(), None
    for number, line in enumerate(text.splitlines(), 1):
        line = line.partition("#")[0].strip()
        if not line:
            continue
        name, bar, words = (part.strip() for part in line.partition("|"))
        problem = None
        if line.startswith("["):
            section = line.strip("[] ").lower()
            problem = None if section in SECTIONS else f"`{line}` is no section; use [subject] or [light]."
        elif section is None:
            problem = "it comes before the first section; write [subject] or [light] above it."
        elif not name or bar and not words:
            problem = f"`{line}` is incomplete; write `name | words`, or the words alone."
        elif len(line) > LONGEST_LINE:
            problem = f"it has {len(line)} characters; use at most {LONGEST_LINE}."
        elif section in SECTIONS:
            found.lists[section].append((name, words or name))
        if problem:
            found.remarks.append(f"{file_name}, line {number}: {problem}")
    return found


def load(own: Path) -> QuickPrompts:
    """The user's file if it exists, else the shipped one; also if the user's file cannot be read, with a remark."""
    path = own if own.is_file() else ASSETS / "quick_prompts.txt"
    try:
        return parse(path.read_text("utf-8-sig"), path.name)
    except (OSError, UnicodeDecodeError) as error:
        found = parse((ASSETS / "quick_prompts.txt").read_text("utf-8"), "quick_prompts.txt")
        found.remarks.append(f"{path} cannot be read ({error}); save it as UTF-8. The lists that ship with Relight are used.")
        return found


@dataclass(frozen=True)
class Example:
    """fields: panel values; host: values of the host's controls (`host_steps`); images: field -> file in assets/."""

    name: str
    fields: dict
    host: dict
    images: dict

    @property
    def thumbnail(self) -> Path:
        return ASSETS / "examples" / f"{self.name.lower().replace(' ', '-')}.jpg"

    def values(self, tab: str) -> dict:
        """All panel fields, defaults for those the example does not name, and the host's controls for a tab."""
        strength = {"host_denoise": 0.95} if tab == "img2img" else {"host_hires": False}
        return {**{name: default_value(name) for name in PRESET_FIELDS}, **self.fields, **strength, **self.host}

    def open(self) -> dict[str, Image.Image | None]:
        return {name: open_file(ASSETS / self.images[name], name) if name in self.images else None for name in IMAGE_FIELDS}


def examples() -> list[Example]:
    """Read assets/examples.json; its `all` holds what every example shares."""
    content = json.loads((ASSETS / "examples.json").read_text("utf-8"))
    shared = content["all"]
    return [Example(entry["name"], {**shared["fields"], **entry["fields"]}, {**shared["host"], **entry["host"]},
                    {**shared["pictures"], **entry.get("pictures", {})}) for entry in content["examples"]]
