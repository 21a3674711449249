"""Time and memory are read from the device that was named, after its work is done; medians and ratios have their spread."""

import sys

import pytest
import torch
from sd_relight.benchmarks import resources, spread


def test_the_named_gpu_is_waited_for(monkeypatch):
    waited = []
    monkeypatch.setattr(torch.cuda, "synchronize", lambda device=None: waited.append(str(device)))
    monkeypatch.setattr(torch.mps, "synchronize", lambda: waited.append("mps"))
    for device in ("cuda:1", "mps", "cpu"):
        resources.Stopwatch(device)()
    assert waited == ["cuda:1", "mps"]


def test_memory_is_that_of_the_named_gpu_beside_ram(monkeypatch):
    asked = []
    for name, megabytes in (("max_memory_allocated", 3), ("memory_allocated", 2), ("reset_peak_memory_stats", 0)):
        monkeypatch.setattr(torch.cuda, name, lambda device, n=megabytes: asked.append(device) or n * 2**20)
    resources.reset_peak("cuda:1")
    found = resources.memory("cuda:1")
    assert asked == ["cuda:1"] * 3 and (found.peak_vram, found.vram) == (3, 2)
    on_cpu = resources.memory("cpu")
    assert on_cpu.vram is on_cpu.peak_vram is None
    if sys.platform == "linux":
        assert found.ram > 0 and on_cpu.peak_ram >= on_cpu.ram > 0


def test_quartiles_of_ratios_of_the_same_round():
    assert spread.ratio_to([2.0, 3.0, 8.0], [1.0, 1.0, 2.0]) == "3.000 (2.500 to 3.500)"
    assert spread.ratio_to([1.0], [2.0]) == "0.500" and spread.with_spread([1.0, 2.0], 1) == "1.5 (1.2 to 1.8)"
    with pytest.raises(ValueError):
        spread.ratio_to([1.0, 2.0], [1.0])
