"""Caches: content keys, and values that are not cached."""

import os

import pytest
import torch
from sd_relight.lib_relight.base import caches, memory
from sd_relight.lib_relight.base.caches import ContentCache, file_identity, tensor_bytes


@pytest.mark.parametrize("level, computed", [(1.0, 1), (float("nan"), 2), (float("inf"), 2)])
def test_values_that_are_not_finite_are_computed_again(level, computed):
    cache = ContentCache(1024, tensor_bytes, lambda tensor: [tensor])
    calls = []

    def compute():
        calls.append(level)
        return torch.full((4,), level)

    for _ in range(2):
        cache.get("key", compute)
    assert len(calls) == computed


def test_a_value_larger_than_the_cache_leaves_the_others():
    cache = ContentCache(100, len)
    for size in (40, 60, 101):
        assert len(cache.get(size, lambda size=size: bytes(size))) == size
    assert list(cache.entries) == [40, 60]
    cache.get(40, bytes)
    cache.get(20, lambda: bytes(20))
    assert list(cache.entries) == [40, 20], "the least recently used one is dropped"


def test_what_the_last_job_used_is_kept(monkeypatch):
    cache = ContentCache(100, len)
    monkeypatch.setattr(caches, "groups", {"any": [cache]})
    for key in ("old", "both"):
        cache.get(key, lambda: bytes(30))
    caches.begin_job()
    for key in ("both", "new"):
        cache.get(key, lambda: bytes(30))
    memory.release()
    assert list(cache.entries) == ["both", "new"]
    cache.get("larger", lambda: bytes(80))
    assert cache.used == {"larger"}, "what is dropped is no longer used"
    caches.begin_job()
    memory.release()
    assert not cache.entries


def test_a_replaced_file_has_another_identity(tmp_path):
    path = tmp_path / "encoder.safetensors"
    path.write_bytes(b"one")
    first = file_identity(path)
    assert file_identity(path) == first
    os.utime(path, ns=(1, 1))
    moved = file_identity(path)
    path.write_bytes(b"three")
    os.utime(path, ns=(1, 1))
    assert len({first, moved, file_identity(path)}) == 3
