"""Defines the base class of errors whose message is meant for the user."""

from __future__ import annotations


class UserError(ValueError):
    """An invalid request or file; the message names the fault, the value and the remedy.

    field, value: of the request where they are known. Any other exception is a bug in Relight.
    """

    field: str | None = None
    value: object = None


class WeightFileError(UserError):
    """A weight file that is missing, unreadable, damaged or beyond the reader's limits."""


class WeightFileMemoryError(WeightFileError):
    """A weight file for which there is not enough memory."""

    status_code = 507
