"""The API's login, --api-auth: HTTP Basic on every address below /sdapi, as in the WebUIs."""

from __future__ import annotations

import secrets
from collections.abc import Mapping
from typing import Any

from fastapi import Depends
from fastapi.exceptions import HTTPException
from fastapi.security import HTTPBasic, HTTPBasicCredentials

BASIC = Depends(HTTPBasic())


def api_guards(passwords: Mapping[str, str]) -> list[Any]:
    """Return the dependencies of a route that lets only these users in; none without users."""
    def login(credentials: HTTPBasicCredentials = BASIC) -> bool:
        password = passwords.get(credentials.username)
        if password is not None and secrets.compare_digest(credentials.password.encode(), password.encode()):
            return True
        raise HTTPException(401, "The user name or the password is wrong.", {"WWW-Authenticate": "Basic"})

    return [Depends(login)] if passwords else []
