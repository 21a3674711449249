"""Our Chinese under every name by which hosts know Chinese: they merge an extension's table into one of the same name only."""

from __future__ import annotations

import re
from pathlib import Path

TABLE = Path(__file__).resolve().parents[2] / "localizations" / "zh_CN.json"
SIMPLIFIED = re.compile(r"zh(?!.*(hant|tw|hk|mo\b))|chinese(?!.*trad)|.*(简体|简中|中文)", re.IGNORECASE)


def register() -> None:
    """on_before_ui: the host has listed its tables and has not yet read one."""
    try:
        from modules.localization import localizations
    except ImportError:  # the embedded host speaks English
        return
    add_table(localizations)


def add_table(localizations: dict[str, list[str]]) -> None:
    """localizations: name -> files, of which later ones win. Ours comes first: a language pack's own words for "Model" stay."""
    for name, files in localizations.items():
        if SIMPLIFIED.match(name) and isinstance(files, list):
            files[:] = [str(TABLE), *(file for file in files if Path(file) != TABLE)]
