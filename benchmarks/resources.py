"""Time and memory of a device, read after what was queued on it is done."""

from __future__ import annotations

import time
from dataclasses import dataclass
from pathlib import Path

import torch

STATUS, CLEAR_PEAK = Path("/proc/self/status"), Path("/proc/self/clear_refs")


class Stopwatch:
    """Reads the time that counts on a device: of the processor for "cpu", as other programs disturb it less, else the clock's."""

    def __init__(self, device: str):
        self.device = torch.device(device)
        self.clock = time.process_time if self.device.type == "cpu" else time.perf_counter

    def __call__(self) -> float:
        wait_for(self.device)
        return self.clock()


def wait_for(device: torch.device) -> None:
    """Wait until this device, not merely the current one, has done what was queued."""
    if device.type == "cuda":
        torch.cuda.synchronize(device)
    elif device.type == "mps":
        torch.mps.synchronize()


@dataclass(frozen=True)
class Memory:
    """MB of this process in RAM, and of torch's tensors on a GPU; None where that is not known or there is none."""

    peak_ram: float | None = None
    ram: float | None = None
    peak_vram: float | None = None
    vram: float | None = None


def reset_peak(device: str) -> None:
    """Count the peaks from here, where the system can."""
    if torch.device(device).type == "cuda":
        torch.cuda.reset_peak_memory_stats(device)
    try:
        CLEAR_PEAK.write_text("5")
    except OSError:
        pass  # the peak of RAM is then that since the process began


def memory(device: str) -> Memory:
    """Return peaks and present memory. MPS does not count a peak."""
    kind, peak_vram, vram = torch.device(device).type, None, None
    if kind == "cuda":
        peak_vram, vram = torch.cuda.max_memory_allocated(device) / 2**20, torch.cuda.memory_allocated(device) / 2**20
    elif kind == "mps":
        vram = torch.mps.current_allocated_memory() / 2**20
    return Memory(resident("VmHWM"), resident("VmRSS"), peak_vram, vram)


def resident(field: str) -> float | None:
    """Return VmRSS or VmHWM of this process in MB, on Linux."""
    try:
        line = next(line for line in STATUS.read_text().splitlines() if line.startswith(field))
    except (OSError, StopIteration):
        return None
    return int(line.split()[1]) / 1024
