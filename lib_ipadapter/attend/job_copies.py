"""Copies of keys, values and masks on the device and for a batch's layout, which live as long as a job."""

from __future__ import annotations

from typing import Protocol
from weakref import WeakSet


class Holder(Protocol):
    def release(self) -> None:
        """Free all copies; what is used again is copied again."""


holders: WeakSet[Holder] = WeakSet()
"""Whatever has copies."""


def release_all() -> None:
    """Free the copies of every job."""
    for holder in list(holders):
        holder.release()
    holders.clear()
