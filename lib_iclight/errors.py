"""Defines the validation error of IC-Light."""

from __future__ import annotations

from ..lib_common.errors import UserError, WeightFileError


class IcLightError(UserError):
    """An IC-Light parameter, image or weight file that cannot be used."""


class DamagedOffsetsError(IcLightError, WeightFileError):
    """An IC-Light file that lacks weights."""
