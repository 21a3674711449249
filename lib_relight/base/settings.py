"""Settings for all jobs, in the section "Relight" of the host's Settings page."""

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
    "relight_matting": Setting("auto", "Cut-out model", "What Cut-out 'auto' cuts the subject out with; auto: the best "
                               "model that is there, else the built-in U²-Net-p."),
    "relight_iclight_dir": Setting("", "Folder with IC-Light files", "Searched first; empty for the usual folders only."),
    "relight_ipadapter_dir": Setting("", "Folder with IP-Adapter files", "Searched first; empty for the usual folders only."),
    "relight_models_dirs": Setting("", "Folders with model files of every kind", "Searched next, such as ComfyUI's models; "
                                   "several are separated by a semicolon."),
    "relight_extras": Setting(True, "Save matte and light map too", "Initial state of the panel's checkbox."),
    "relight_weights_mb": Setting(4096, "Memory for weights, MB",
                                  "IC-Light and IP-Adapter files cached between jobs; 0 reads them again for each job.", 32768),
    "relight_pictures_mb": Setting(960, "Memory for images, MB",
                                   "Mattes, encoded images and image prompts cached between jobs.", 8192),
}
"""Option name -> its setting."""

source: dict[str, Callable[[str, object], object]] = {"read": lambda name, default: default}
"""`read` returns an option's value or the given default; ui/settings.py replaces it by the host's options."""


def get(name: str):
    """Return an option's value in the type of its default; the default for an invalid value, as in an edited file."""
    default = SETTINGS[name].default
    value = source["read"](name, default)
    if isinstance(default, bool) or isinstance(default, str):
        return value if isinstance(value, type(default)) else default
    try:
        return min(max(int(value), 0), SETTINGS[name].maximum)
    except (TypeError, ValueError):
        return default


def folders(kind: str) -> list[Path]:
    """Return the user's folder for a kind of file (iclight, ipadapter), if one is set."""
    text = get(f"relight_{kind}_dir").strip() if f"relight_{kind}_dir" in SETTINGS else ""
    return [Path(text).expanduser()] if text else []


def trees() -> list[Path]:
    """Return the user's folders with files of every kind."""
    return [Path(text.strip()).expanduser() for text in get("relight_models_dirs").split(";") if text.strip()]


def apply() -> None:
    """Size the caches by the settings. Call it at start and after a change."""
    caches.resize("weights", get("relight_weights_mb") * MEGABYTE)
    caches.resize("images", get("relight_pictures_mb") * MEGABYTE)
