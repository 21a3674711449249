"""The host's command-line flags that concern the extension: its own of preload.py, installation, and who may reach the page."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from ..matting import matting
from ..packages import optional

ANY_ADDRESS = ("0.0.0.0", "::")  # nosec B104


@dataclass(frozen=True)
class WebAccess:
    """is_public: the server is meant to be reached from other machines. names: host names it is given besides loopback ones.

    origins, origin_pattern: other web origins that the host admits (--cors-allow-origins, --cors-allow-origins-regex).
    """

    is_public: bool = False
    names: tuple[str, ...] = ()
    origins: tuple[str, ...] = ()
    origin_pattern: str | None = None


def host_flags() -> Any:
    from modules import shared

    return shared.cmd_opts


def apply_flags() -> None:
    """Apply --relight-matting-dir, --relight-no-download, --relight-skip-install and the host's --skip-install."""
    flags = host_flags()
    matting.configure(folder=getattr(flags, "relight_matting_dir", None))
    skip = getattr(flags, "relight_skip_install", False) or getattr(flags, "skip_install", False)
    optional.allow_install(not skip)
    optional.allow_downloads(may_download())


def may_download() -> bool:
    """Return whether model files may be downloaded: not with --relight-no-download."""
    return not getattr(host_flags(), "relight_no_download", False)


def web_access() -> WebAccess:
    """Return who may reach the server, by --listen, --server-name, --share, --ngrok and --cors-allow-origins."""
    flags = host_flags()
    name = getattr(flags, "server_name", None)
    is_public = name in ANY_ADDRESS or any(getattr(flags, flag, None) for flag in ("listen", "share", "ngrok"))
    origins = tuple(filter(None, (origin.strip() for origin in (getattr(flags, "cors_allow_origins", None) or "").split(","))))
    return WebAccess(is_public, (name,) if name else (), origins, getattr(flags, "cors_allow_origins_regex", None))
