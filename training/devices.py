"""Selects the training device and prints progress."""

from __future__ import annotations

import sys
import time

import torch


def pick_device(name: str) -> torch.device:
    """Return the named device; "auto" takes CUDA, then MPS, then the CPU."""
    if name != "auto":
        return torch.device(name)
    if torch.cuda.is_available():
        return torch.device("cuda")
    return torch.device("mps" if torch.backends.mps.is_available() else "cpu")


class Progress:
    """Prints progress to stderr, at most one line in `every` seconds and always the last one."""

    def __init__(self, label: str, total: float, every: float = 15.0) -> None:
        self.label, self.total, self.every = label, total, every
        self.began = self.printed = time.monotonic()

    def show(self, done: float, note: str = "") -> None:
        now = time.monotonic()
        if now - self.printed < self.every and done < self.total:
            return
        self.printed = now
        share = min(1.0, done / max(self.total, 1e-9))
        print(f"{self.label}: {share:4.0%} after {now - self.began:.0f} s {note}".rstrip(), file=sys.stderr, flush=True)
