"""Chooses the matting model of `matting: auto`: the user's setting, else the best that is there, else the built-in one."""

from __future__ import annotations

from pathlib import Path

from ..base import settings
from ..base.log import logger
from ..packages import optional
from . import builtin, model_table
from .rembg_sessions import cache_folder

logged: set[str] = set()


def auto_model(folder: Path) -> str:
    """Return the name of the model that `auto` runs; nothing is downloaded or installed for it.

    folder: of the user's *.onnx files. Logs each new choice with its reason.
    """
    name, reason = choice(folder)
    if name not in logged:
        logged.add(name)
        logger.info(f"Cut-out auto uses the matting model {name}: {reason}.")
    return name


def choice(folder: Path) -> tuple[str, str]:
    """Return (name, reason)."""
    chosen = settings.get("relight_matting")
    if chosen != "auto":
        return chosen, "it is chosen in Settings"
    own = best(model_table.own_files(folder))
    cached = best(name for name in model_table.GENERAL if (cache_folder() / f"{name}.onnx").is_file())
    found = own or cached
    if found is None:
        return builtin.NAME, "it is built in, and no larger one is there"
    if optional.missing("matting"):
        return builtin.NAME, f"it is built in, and {found} needs rembg (python install.py matting)"
    return found, f"the best in {folder if own else cache_folder()}"


def best(names) -> str | None:
    """Return the best of these models by the family in the name; unknown families come last, None for no name."""

    def rank(name: str) -> int:
        family = model_table.family_of(name)
        return model_table.QUALITY.index(family) if family in model_table.QUALITY else len(model_table.QUALITY)

    return min(names, key=rank, default=None)
