"""Opens the published address of a known file, on a hub or a plain server, and names the reason of a failure.

huggingface_hub builds the addresses and headers (HF_ENDPOINT, HF_TOKEN, a stored login, HF_HUB_OFFLINE) where it is installed.
Its own downloads are not used: no function of 0.25 to 1.x can be cancelled, reports its progress to a caller and resumes alike.
"""

from __future__ import annotations

import errno
import os
import re
import ssl
import urllib.request
from contextlib import suppress
from http.client import HTTPException, HTTPResponse
from urllib.error import HTTPError, URLError
from urllib.parse import quote, urlsplit

from ..base.known_files import KnownFile

TIMEOUT_SECONDS = 30
"""Longest silence of a server."""
NEEDS_LOGIN = "accept the licence on the file's page and set HF_TOKEN"
STATUS_REASONS = {
    401: f"the server asks for a login: {NEEDS_LOGIN}", 403: f"the server denies access: {NEEDS_LOGIN}",
    404: "the file is no longer at its address", 429: "the server is busy: try again in some minutes",
}
SHA256 = re.compile("[0-9a-f]{64}")
HUB_HASH = "X-Linked-ETag"
"""The hub's header with the SHA-256 of a large file."""


class Redirects(urllib.request.HTTPRedirectHandler):
    """Follows redirects, keeps the login for the same host only, and notes the hash that the hub sends with its redirect."""

    def __init__(self) -> None:
        self.sha256: str | None = None

    def redirect_request(self, request, answer, code, message, headers, address):
        found = SHA256.search(headers.get(HUB_HASH, ""))
        self.sha256 = found.group() if found else self.sha256
        following = super().redirect_request(request, answer, code, message, headers, address)
        login = request.unredirected_hdrs.get("Authorization")
        if following is not None and login and urlsplit(address)[:2] == urlsplit(request.full_url)[:2]:
            following.add_unredirected_header("Authorization", login)
        return following


def open_source(file: KnownFile, extra: dict[str, str]) -> tuple[HTTPResponse, str | None]:
    """Return the server's response and, if the hub states it, the file's SHA-256. extra: further headers. Raises OSError."""
    address, headers = hub_request(file) if file.hub else (file.url, {})
    request = urllib.request.Request(address, headers={"User-Agent": "relight", "Accept-Encoding": "identity", **extra})
    if "authorization" in headers:
        request.add_unredirected_header("Authorization", headers["authorization"])
    redirects = Redirects()
    opener = urllib.request.build_opener(redirects, urllib.request.HTTPSHandler(context=tls_context()))
    response = opener.open(request, timeout=TIMEOUT_SECONDS)
    if response.headers.get_content_type() in ("text/html", "application/xhtml+xml"):
        response.close()
        raise OSError("the server sent a web page instead")
    return response, redirects.sha256


def hub_request(file: KnownFile) -> tuple[str, dict[str, str]]:
    """Return the address of a file on the hub, and the headers of the user's login. Raises OSError in offline mode."""
    endpoint = (os.environ.get("HF_ENDPOINT") or "").rstrip("/") or None
    try:
        from huggingface_hub import constants, hf_hub_url
        from huggingface_hub.utils import build_hf_headers
    except ImportError:
        return f"{endpoint or 'https://huggingface.co'}/{file.hub}/resolve/main/{quote(file.path)}", {}
    if constants.HF_HUB_OFFLINE:
        raise OSError("the environment variable HF_HUB_OFFLINE forbids it")
    return hf_hub_url(file.hub, file.path, endpoint=endpoint), build_hf_headers()


def tls_context() -> ssl.SSLContext:
    """Return the system's certificates and those of certifi, which Pythons without system certificates need."""
    context = ssl.create_default_context()
    with suppress(ImportError, OSError):
        import certifi

        context.load_verify_locations(certifi.where())
    return context


def reason_of(error: Exception) -> str:
    """Return the reason of a failed download as a clause."""
    if isinstance(error, HTTPError):
        return STATUS_REASONS.get(error.code, f"the server answered {error.code} {error.reason}"[:120])
    cause = error.reason if isinstance(error, URLError) else error
    if isinstance(cause, TimeoutError):
        return f"the server sent nothing for {TIMEOUT_SECONDS} seconds"
    if isinstance(cause, OSError) and cause.errno in (errno.ENOSPC, errno.EDQUOT):
        return "the disk is full: make room"
    if isinstance(cause, PermissionError):
        return "the folder cannot be written to: check its permissions"
    if isinstance(error, URLError):
        return f"no connection: {cause}"[:200]
    if isinstance(error, HTTPException):
        return "the connection ended early"
    lines = str(error).strip().splitlines() or [type(error).__name__]
    return lines[0][:200] if isinstance(error, OSError) else f"{type(error).__name__}: {lines[0]}"[:200]
