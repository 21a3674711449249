"""Adapters and offsets share one cache, whose size is a setting."""

import pytest
import torch
from ipadapter.ip_files import write_published
from sd_relight.lib_ipadapter.encode.adapter import Adapter
from sd_relight.lib_relight.base import caches, settings
from sd_relight.lib_relight.base.caches import counters, model_files
from sd_relight.lib_relight.models import ip_adapter_files, offsets

MEGABYTE = 2**20


@pytest.fixture
def sized(monkeypatch):
    """Set the size of the cache, which begins and ends empty."""
    values = {}
    monkeypatch.setitem(settings.source, "read", lambda name, default: values.get(name, default))
    model_files.clear()

    def set_size(megabytes):
        values["relight_weights_mb"] = megabytes
        settings.apply()

    yield set_size
    values.clear()
    settings.apply()
    model_files.clear()


def adapter(tmp_path, stem="ip-adapter_sd15"):
    path = write_published(tmp_path, stem)
    return lambda: ip_adapter_files.load(path, "auto")


def test_an_adapter_is_read_once(sized, tmp_path):
    load, before = adapter(tmp_path), counters["adapter_reads"]
    assert load() is load() and counters["adapter_reads"] == before + 1


def test_the_setting_reaches_adapters(sized, tmp_path):
    load = adapter(tmp_path)
    sized(0)
    assert load() is not load() and not model_files.entries


def test_the_least_recently_used_weights_go_first(sized, tmp_path, repo_root):
    one, other = adapter(tmp_path), adapter(tmp_path, "ip-adapter-plus_sd15")
    file = repo_root / "models/demo/iclight_fc.safetensors"
    light = offsets.load(file, "fc")
    first, second = one(), other()
    sizes = [entry.size_in_bytes for entry in (light, first, second)]
    assert sum(sizes) == sum(entry.size_in_bytes for entry in model_files.entries.values())
    model_files.clear()
    model_files.max_bytes = sum(sizes) - 1
    light, first = offsets.load(file, "fc"), one()
    assert offsets.load(file, "fc") is light
    other()
    assert [key[0] for key in model_files.entries] == ["offsets", "adapter"]
    assert offsets.load(file, "fc") is light and one() is not first


def test_the_projection_is_counted_as_it_is_used():
    half = {"proj.weight": torch.zeros(8, 4, dtype=torch.float16), "norm.weight": torch.zeros(8)}
    keys = {"1.to_k_ip.weight": torch.zeros(4, 4, dtype=torch.float16)}
    assert Adapter(None, half, keys).size_in_bytes == 8 * 4 * 2 + 8 * 4 + 4 * 4 * 2 + 8 * 4 * 4
    assert caches.groups["weights"] == [model_files]
