"""The WebUIs' command-line flags that this host has: who may reach the server, and with which login."""

from __future__ import annotations

import argparse
from collections.abc import Sequence

LOOPBACK, ANY_ADDRESS = "127.0.0.1", "0.0.0.0"  # nosec B104: only compared with, and bound when --listen asks for it


def parse_flags(words: Sequence[str]) -> dict[str, object]:
    """Return the flags by name, for EmbeddedHost."""
    parser = argparse.ArgumentParser(add_help=False, allow_abbrev=False)
    parser.add_argument("--listen", action="store_true")
    parser.add_argument("--subpath")
    parser.add_argument("--api-auth")
    parser.add_argument("--gradio-auth")
    return vars(parser.parse_args(words))


def accounts(text: str | None) -> dict[str, str]:
    """Parse "user:password,user:password" to {user: password}."""
    return dict(account.strip().split(":", 1) for account in (text or "").split(",") if account.strip())
