"""Which requests the server accepts: from this machine's own pages and from programs, not from other web pages.

A web page of any site can send requests to a server on its visitor's machine. Browsers name the sending page in `Origin` and
`Sec-Fetch-Site`, and the name that was looked up in `Host`, which differs from the server's own after DNS rebinding.
"""

from __future__ import annotations

import ipaddress
import socket
from collections.abc import Iterable
from typing import Any

from fastapi.responses import JSONResponse

LOOPBACK = {"127.0.0.1", "localhost", "::1"}
JSON_ONLY = ("/sdapi/", "/internal/", "/relight/")


def host_name(authority: str) -> str:
    """Return the name in "name", "name:port", "[ipv6]" or "[ipv6]:port", in lower case."""
    if authority.startswith("["):
        return authority[1:].partition("]")[0].lower()
    return authority.partition(":")[0].lower()


def own_names(address: str, further: Iterable[str] = ()) -> set[str]:
    """Return the names under which a server that listens on an address may be asked; further: e.g. a proxy's name."""
    names = LOOPBACK | {address.lower(), *(name.lower() for name in further)}
    if address not in LOOPBACK:
        machine = socket.gethostname().lower()
        names |= {machine, f"{machine}.local"}
    return names


def is_address(name: str) -> bool:
    """Whether a name is an IP address, which DNS rebinding cannot imitate."""
    try:
        return bool(ipaddress.ip_address(name))
    except ValueError:
        return False


class OwnPagesOnly:
    """ASGI middleware: 403 for requests of other web pages, 415 for bodies that are not JSON on the API's paths."""

    def __init__(self, app: Any, address: str = "127.0.0.1", names: Iterable[str] = ()):
        self.app = app
        self.names = own_names(address, names)
        self.any_address = address not in LOOPBACK

    async def __call__(self, scope: dict, receive: Any, send: Any) -> None:
        if scope["type"] not in ("http", "websocket"):
            return await self.app(scope, receive, send)
        headers = {name.decode("latin-1").lower(): value.decode("latin-1") for name, value in scope["headers"]}
        status, problem = 403, self.foreign(scope, headers)
        if problem is None and (problem := wrong_content(scope, headers)):
            status = 415
        if problem is None:
            return await self.app(scope, receive, send)
        if scope["type"] == "websocket":
            return await send({"type": "websocket.close", "code": 1008})
        await JSONResponse({"detail": problem}, status)(scope, receive, send)

    def foreign(self, scope: dict, headers: dict[str, str]) -> str | None:
        """Return the message for a request of another web page, else None."""
        host = headers.get("host", "")
        name = host_name(host)
        if name not in self.names and not (self.any_address and is_address(name)):
            return f"This server is not called {host[:80]!r}; open it as {min(self.names)}."
        origin = headers.get("origin")
        if origin is not None and origin.partition("://")[2].lower() != host.lower():
            return f"The page {origin[:80]!r} may not use this server; only its own page may."
        opens_page = scope.get("method") == "GET" and headers.get("sec-fetch-mode") == "navigate"
        if headers.get("sec-fetch-site") in ("cross-site", "same-site") and not opens_page:
            return "Another web page may not use this server; only its own page may."
        return None


def wrong_content(scope: dict, headers: dict[str, str]) -> str | None:
    """Return the message for a body on one of the API's paths that is not declared as JSON, else None."""
    has_body = headers.get("content-length", "0") != "0" or "transfer-encoding" in headers
    if scope["type"] != "http" or not has_body or not scope["path"].startswith(JSON_ONLY):
        return None
    kind = headers.get("content-type", "").partition(";")[0].strip().lower()
    if kind == "application/json":
        return None
    return f"The body's type is {kind[:60] or 'not given'}; send JSON with the header Content-Type: application/json."
