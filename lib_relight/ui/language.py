"""Registers the Chinese table under every simplified Chinese localization: hosts merge tables of equal names only."""

from __future__ import annotations

import re
from pathlib import Path

TABLE = Path(__file__).resolve().parents[2] / "localizations" / "zh_CN.json"
SIMPLIFIED = re.compile(r"zh(?!.*(hant|tw|hk|mo\b))|chinese(?!.*trad)|.*(简体|简中|中文)", re.IGNORECASE)


def register() -> None:
    """on_before_ui: the host has listed its tables but not read them yet."""
    try:
        from modules.localization import localizations
    except ImportError:  # the embedded host has no localizations
        return
    add_table(localizations)


def add_table(localizations: dict[str, list[str]]) -> None:
    """localizations: name -> files; later files win, so ours goes first and a language pack's own entries are kept."""
    for name, files in localizations.items():
        if SIMPLIFIED.match(name) and isinstance(files, list):
            files[:] = [str(TABLE), *(file for file in files if Path(file) != TABLE)]
