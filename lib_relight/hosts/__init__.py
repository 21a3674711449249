"""One adapter per family of WebUI, chosen by what imports."""

from __future__ import annotations

from functools import lru_cache
from importlib.util import find_spec

from ..base.errors import RelightError
from .types import Host


@lru_cache(maxsize=1)
def current_host() -> Host:
    """Return the adapter for the WebUI that this process runs. Raises RelightError where there is none for it."""
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
