"""The user's settings for all jobs, in the host's Settings page under "Relight"."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from . import caches

MEGABYTE = 2**20


@dataclass(frozen=True)
class Setting:
    """maximum: of a number of megabytes."""

    default: object
    label: str
    help: str
    maximum: int | None = None


SETTINGS = {
    "relight_matting": Setting("isnet-general-use", "Matting model", "What `auto` cuts the subject out with."),
    "relight_iclight_dir": Setting("", "Folder with IC-Light files", "Searched first; empty for the usual folders only."),
    "relight_ipadapter_dir": Setting("", "Folder with IP-Adapter files", "Searched first; empty for the usual folders only."),
    "relight_extras": Setting(True, "Extra pictures in results", "How the panel's tick stands when the page is opened."),
    "relight_weights_mb": Setting(4096, "Memory for weights, MB",
                                  "IC-Light files kept in memory between jobs; 0 reads them anew each time.", 32768),
    "relight_pictures_mb": Setting(960, "Memory for pictures, MB",
                                   "Mattes, encoded pictures and image prompts kept between jobs.", 8192),
}
"""The hosts' option -> what it is."""

source: dict[str, Callable[[str, object], object]] = {"read": lambda name, default: default}
"""`read` asks the host for an option's value; ui/settings.py puts the host's in place."""


def get(name: str):
    """An option's value in its default's type; a value that cannot be read so, as an edited file may hold, is the default."""
    default = SETTINGS[name].default
    value = source["read"](name, default)
    if isinstance(default, bool) or isinstance(default, str):
        return value if isinstance(value, type(default)) else default
    try:
        return min(max(int(value), 0), SETTINGS[name].maximum)
    except (TypeError, ValueError):
        return default


def folders(kind: str) -> list[Path]:
    """The user's own folder for a kind of file (iclight, ipadapter), if one is set."""
    text = get(f"relight_{kind}_dir").strip() if f"relight_{kind}_dir" in SETTINGS else ""
    return [Path(text).expanduser()] if text else []


def apply() -> None:
    """Size the caches as the settings say; to be called at start and after a change."""
    caches.resize("weights", get("relight_weights_mb") * MEGABYTE)
    caches.resize("images", get("relight_pictures_mb") * MEGABYTE)
