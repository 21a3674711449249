"""Buffers during sampling: reused on a CPU, and glibc's defaults afterwards."""

import resource
import sys

import pytest
import torch
from sd_relight.lib_relight.base import allocator

needs_glibc = pytest.mark.skipif(sys.platform != "linux" or allocator.glibc() is None, reason="only glibc has mallopt")


class Library:
    def __init__(self):
        self.calls = []

    def mallopt(self, parameter, value):
        self.calls.append((parameter, value))

    def malloc_trim(self, pad):
        self.calls.append(("trim", pad))


@pytest.fixture
def library(monkeypatch):
    made = Library()
    monkeypatch.setattr(allocator, "glibc", lambda: made)
    return made


def test_the_defaults_come_back_after_a_failed_pass(library):
    with pytest.raises(MemoryError), allocator.reused_buffers(torch.device("cpu")):
        assert dict(library.calls) == allocator.DURING
        library.calls.clear()
        raise MemoryError
    assert library.calls.pop() == ("trim", 0)
    assert dict(library.calls) == allocator.AFTER and allocator.AFTER.keys() >= allocator.DURING.keys()


def test_a_gpu_job_changes_nothing(library):
    with allocator.reused_buffers(torch.device("cuda")):
        pass
    assert library.calls == []


def test_merged_weights_are_given_back_once(library):
    with allocator.reused_buffers(torch.device("cpu")):
        pass
    library.calls.clear()
    allocator.give_back()
    allocator.give_back()
    assert library.calls == [("trim", 0)]


@needs_glibc
def test_settings_of_the_user_are_kept(monkeypatch):
    monkeypatch.setenv("MALLOC_TRIM_THRESHOLD_", "1000")
    assert allocator.glibc.__wrapped__() is None


@needs_glibc
def test_freed_buffers_are_used_again():
    def faults():
        before = resource.getrusage(resource.RUSAGE_SELF).ru_minflt
        torch.zeros(20 * 2**20)
        return resource.getrusage(resource.RUSAGE_SELF).ru_minflt - before

    with allocator.reused_buffers(torch.device("cpu")):
        assert min(faults() for _ in range(24)) < 100, "80 MB have 20,480 pages"
    assert faults() > 10_000, "they went back to the system"
