"""Defines the validation error of IP-Adapter."""

from __future__ import annotations

from ..lib_common.errors import UserError


class IpAdapterError(UserError):
    """An IP-Adapter parameter, image or weight file that cannot be used."""
