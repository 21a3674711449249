"""Defines the validation error of IP-Adapter."""

from __future__ import annotations

from ..lib_common.errors import UserError, WeightFileError


class IpAdapterError(UserError):
    """An IP-Adapter parameter, image or weight file that cannot be used."""


class DamagedAdapterError(IpAdapterError, WeightFileError):
    """An adapter file that lacks weights or has weights of wrong shapes."""
