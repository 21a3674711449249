"""The WebUIs' command-line flags that this host has: listen, subpath, api_auth and gradio_auth (logins)."""

from __future__ import annotations

LOOPBACK, ANY_ADDRESS = "127.0.0.1", "0.0.0.0"  # nosec B104: only compared with, and bound when --listen asks for it


def accounts(text: str | None) -> dict[str, str]:
    """Parse "user:password,user:password" to {user: password}."""
    return dict(account.strip().split(":", 1) for account in (text or "").split(",") if account.strip())
