"""Host adapters, one per family of WebUI, selected by the packages that can be imported."""

from __future__ import annotations

from functools import lru_cache
from importlib import import_module
from importlib.util import find_spec

from ..base.errors import RelightError
from .types import Host

ADAPTERS = (
    ("backend.patcher", "forge", "ForgeHost", "Forge, Forge Neo"),
    ("ldm_patched", "ldm_patched", "LdmPatchedHost", "reForge, Forge Classic"),
    ("modules.sd_samplers_cfg_denoiser", "a1111", "A1111Host", "A1111"),
)
"""(module that only this family has, our module, its class, the WebUIs), tried in this order. Ours imports the host's modules."""


@lru_cache(maxsize=1)
def current_host() -> Host:
    """Return the adapter for the WebUI that this process runs. Raises RelightError if there is none for it."""
    for marker, module, name, _ in ADAPTERS:
        if has_module(marker):
            return getattr(import_module(f".{module}", __package__), name)()
    supported = ", ".join(webuis for *_, webuis in ADAPTERS)
    raise RelightError(f"Relight does not support this WebUI; it runs on {supported}.")


def has_module(name: str) -> bool:
    try:
        return find_spec(name) is not None
    except ModuleNotFoundError:  # the package that it would be in
        return False
