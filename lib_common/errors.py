"""Base class of the errors whose message is meant for the user."""

from __future__ import annotations


class UserError(ValueError):
    """One sentence that says what is wrong, with which value, and what to do about it.

    Raised for everything that a request or a file can get wrong; any other exception is a bug of ours.
    """


class WeightFileError(UserError):
    """A weight file that is missing, unreadable, damaged or beyond the reader's limits."""
