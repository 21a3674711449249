"""Measures one job of the embedded host: cost before the first step, per step, memory, and what was read, encoded and merged."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import torch

from ..lib_relight.base.caches import counters
from .resources import Memory, Stopwatch, memory, reset_peak

FILES_READ = ("weight_reads", "adapter_reads", "encoder_reads")


@dataclass(frozen=True)
class Cost:
    """Seconds are processor time on a CPU, by the clock on a GPU."""

    total: float
    before_first_step: float
    per_step: float
    files_read: int = 0
    bytes_read: int = 0
    encodes: int = 0
    merged: int = 0
    memory: Memory = Memory()


def timed(stopwatch: Stopwatch, job: Callable[[], Any], denoiser: Any) -> tuple[float, float, float]:
    """Return seconds of the whole job, before the first call of the UNet, and for each call, median over the calls."""
    marks, apply_model = [], denoiser.apply_model

    def record(*args: Any, **kwargs: Any) -> torch.Tensor:
        began = stopwatch()
        result = apply_model(*args, **kwargs)
        marks.append((began, stopwatch()))
        return result

    denoiser.apply_model, start = record, stopwatch()
    try:
        job()
    finally:
        del denoiser.apply_model
    steps = sorted(end - began for began, end in marks)
    return stopwatch() - start, marks[0][0] - start, steps[len(steps) // 2]


def measure(host: Any, job: Callable[[], Any], device: str) -> Cost:
    """Run a job. host: an EmbeddedHost."""
    before, merged = counters.copy(), host.merged_tensors
    reset_peak(device)
    seconds = timed(Stopwatch(device), job, host.model.forge_objects_original.unet.model)
    files = sum(counters[name] - before[name] for name in FILES_READ)
    read = counters["bytes_read"] - before["bytes_read"]
    return Cost(*seconds, files, read, counters["encodes"] - before["encodes"], host.merged_tensors - merged, memory(device))
