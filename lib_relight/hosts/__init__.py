"""One adapter per family of WebUI, chosen by what imports."""

from __future__ import annotations

from functools import lru_cache
from importlib.util import find_spec

from ..base.errors import RelightError
from ..matting import matting
from ..packages import optional
from .base import Host


@lru_cache(maxsize=1)
def current_host() -> Host:
    """The adapter for the WebUI that this process runs. Raises RelightError where there is none for it."""
    apply_flags()
    if find_spec("backend") and find_spec("backend.patcher"):
        from .forge import ForgeHost

        return ForgeHost()
    if find_spec("ldm_patched"):
        from .ldm_patched import LdmPatchedHost

        return LdmPatchedHost()
    if find_spec("modules.sd_samplers_cfg_denoiser"):
        from .a1111 import A1111Host

        return A1111Host()
    raise RelightError("Relight does not support this WebUI; it runs on Forge, Forge Neo, reForge, Forge Classic and A1111.")


def apply_flags() -> None:
    """preload.py's command-line flags, and the host's own --skip-install, to the parts that they are for."""
    from modules import shared

    flags = shared.cmd_opts
    matting.configure(folder=getattr(flags, "relight_matting_dir", None))
    skip = getattr(flags, "relight_skip_install", False) or getattr(flags, "skip_install", False)
    optional.allow_install(not skip)
