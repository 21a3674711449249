"""Applies the command-line flags of preload.py, and the host's own --skip-install, when the extension is loaded."""

from __future__ import annotations

from modules import shared

from ..matting import matting
from ..packages import optional


def apply_flags() -> None:
    flags = shared.cmd_opts
    matting.configure(folder=getattr(flags, "relight_matting_dir", None))
    skip = getattr(flags, "relight_skip_install", False) or getattr(flags, "skip_install", False)
    optional.allow_install(not skip)
