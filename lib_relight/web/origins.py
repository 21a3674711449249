"""Checks Origin and Host headers, so that no other site in the user's browser can use the endpoints (CSRF, DNS rebinding)."""

from __future__ import annotations

import ipaddress
import re
from collections.abc import Mapping
from urllib.parse import urlsplit

from ..base.errors import RelightError
from ..hosts.flags import WebAccess, web_access

FORBIDDEN = 403
SAME_SITE = ("same-origin", "none")
"""Sec-Fetch-Site of a page of this server, and of a URL that the user entered."""


def check_origin(headers: Mapping[str, str], has_login: bool) -> None:
    """Raise RelightError (403) for a request that a foreign web page makes.

    headers: with lower-case names. has_login: the caller is logged in, so the Host header is not checked: a page
    that rebinds its name to this machine has no login.
    """
    access = web_access()
    host = headers.get("host", "")
    if not (has_login or is_own_name(host_name(host), access)):
        raise RelightError(f"Relight does not answer under the name {host_name(host)[:80]!r}; use localhost, or start the WebUI "
                           "with --listen, --server-name or --cors-allow-origins.", FORBIDDEN)
    origin, site = headers.get("origin"), headers.get("sec-fetch-site")
    if origin and is_allowed_origin(origin, access) or site in SAME_SITE:
        return
    own = (host, headers.get("x-forwarded-host", host))
    if site is not None or origin is not None and urlsplit(origin).netloc.lower() not in map(str.lower, own):
        raise RelightError(f"Relight answers no requests from the web page {(origin or 'of another site')[:80]}; start the WebUI "
                           "with --cors-allow-origins to admit it.", FORBIDDEN)


def host_name(host: str) -> str:
    """Return the name in a Host header, without the port and the brackets of IPv6."""
    try:
        return urlsplit(f"//{host}").hostname or ""
    except ValueError:
        return ""


def is_own_name(name: str, access: WebAccess) -> bool:
    return (access.is_public or is_loopback(name) or name in (own.lower() for own in access.names)
            or "*" in access.origins or name in (urlsplit(origin).hostname for origin in access.origins))


def is_loopback(name: str) -> bool:
    if name == "localhost" or name.endswith(".localhost"):
        return True
    try:
        return ipaddress.ip_address(name).is_loopback
    except ValueError:
        return False


def is_allowed_origin(origin: str, access: WebAccess) -> bool:
    """Return whether the host's CORS flags allow the origin."""
    return ("*" in access.origins or origin in access.origins
            or access.origin_pattern is not None and re.fullmatch(access.origin_pattern, origin) is not None)
