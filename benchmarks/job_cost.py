"""Measures one job of the embedded host: cost before the first step, per step, memory, and what was read, encoded and merged."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch

from ..lib_relight.base.caches import counters

FILES_READ = ("weight_reads", "adapter_reads", "encoder_reads")
STATUS, CLEAR_PEAK = Path("/proc/self/status"), Path("/proc/self/clear_refs")


@dataclass(frozen=True)
class Cost:
    """Seconds are processor time on a CPU, by the clock on a GPU. megabytes: resident or on the GPU; None if unknown."""

    total: float
    before_first_step: float
    per_step: float
    files_read: int = 0
    bytes_read: int = 0
    encodes: int = 0
    merged: int = 0
    peak_megabytes: float | None = None
    megabytes: float | None = None


class Stopwatch:
    """Reads the time that counts on a device, after what was queued on it is done."""

    def __init__(self, device: str):
        self.is_cuda = device.startswith("cuda")
        self.clock = time.process_time if device == "cpu" else time.perf_counter

    def __call__(self) -> float:
        if self.is_cuda:
            torch.cuda.synchronize()
        return self.clock()


def resident(field: str) -> float | None:
    """Return VmRSS or VmHWM of this process in MB, on Linux."""
    try:
        line = next(line for line in STATUS.read_text().splitlines() if line.startswith(field))
    except (OSError, StopIteration):
        return None
    return int(line.split()[1]) / 1024


def reset_peak(device: str) -> None:
    if device.startswith("cuda"):
        torch.cuda.reset_peak_memory_stats()
        return
    try:
        CLEAR_PEAK.write_text("5")
    except OSError:
        pass  # VmHWM is then the peak since the process began


def memory(device: str) -> tuple[float | None, float | None]:
    """Return peak and present memory in MB."""
    if device.startswith("cuda"):
        return torch.cuda.max_memory_allocated() / 2**20, torch.cuda.memory_allocated() / 2**20
    return resident("VmHWM"), resident("VmRSS")


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
    return Cost(*seconds, files, read, counters["encodes"] - before["encodes"], host.merged_tensors - merged, *memory(device))
