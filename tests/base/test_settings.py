"""Settings take effect, and invalid values fall back to the default."""

import pytest
from sd_relight.lib_relight.base import caches, settings
from sd_relight.lib_relight.job import ip_adapter_pass, subject
from sd_relight.lib_relight.matting import matting
from sd_relight.lib_relight.models import folders


@pytest.fixture
def opts(monkeypatch):
    """A host's options as a dict; afterwards everything is as it was."""
    values = {}
    monkeypatch.setitem(settings.source, "read", lambda name, default: values.get(name, default))
    yield values
    values.clear()
    settings.apply()


def test_the_defaults_change_nothing(opts):
    before = [cache.max_bytes for cache in (*caches.groups["images"], *caches.groups["weights"])]
    settings.apply()
    assert [cache.max_bytes for cache in (*caches.groups["images"], *caches.groups["weights"])] == before
    assert settings.get("relight_matting") == "auto" and settings.folders("iclight") == []


def test_the_matting_model_is_what_auto_takes(opts):
    opts["relight_matting"] = "silueta"
    settings.apply()
    assert matting.find("auto") == ("silueta", None)


def test_folders_are_searched_first(opts, tmp_path, monkeypatch):
    monkeypatch.setattr(folders, "current_host", lambda: type("Host", (), {"model_dirs": lambda self, kind: [tmp_path / "host"]})())
    opts.update(relight_iclight_dir=f" {tmp_path / 'light'} ", relight_ipadapter_dir=str(tmp_path / "adapter"))
    assert folders.model_folders("iclight")[:2] == [tmp_path / "light", tmp_path / "host"]
    assert folders.model_folders("ipadapter")[0] == tmp_path / "adapter"
    assert folders.model_folders("clip_vision")[0] == tmp_path / "host"
    (tmp_path / "comfy" / "clip_vision").mkdir(parents=True)
    opts["relight_models_dirs"] = f"{tmp_path / 'comfy'}; {tmp_path / 'nas'} ;"
    named = [tmp_path / "comfy" / "clip_vision", tmp_path / "comfy", tmp_path / "nas", tmp_path / "host"]
    assert folders.model_folders("clip_vision")[:4] == named
    assert folders.model_folders("iclight")[:4] == [tmp_path / "light", *named[1:]]


def test_cache_sizes_reach_the_caches(opts):
    opts.update(relight_weights_mb=100, relight_pictures_mb=480)
    settings.apply()
    assert caches.model_files.max_bytes == 100 * 2**20 and caches.groups["weights"] == [caches.model_files]
    assert (subject.latents.max_bytes, matting.mattes.max_bytes) == (128 * 2**20, 64 * 2**20)
    assert (ip_adapter_pass.prompt_cache.max_bytes, ip_adapter_pass.unit_cache.max_bytes) == (32 * 2**20, 256 * 2**20)


def test_a_cache_of_size_0_keeps_nothing(opts):
    opts["relight_weights_mb"] = 0
    settings.apply()
    cache = type(caches.model_files)(caches.model_files.max_bytes, len)
    assert cache.get("key", lambda: [1]) == [1] and not cache.entries


@pytest.mark.parametrize("name, value, expected", [
    ("relight_weights_mb", "plenty", 4096), ("relight_weights_mb", -5, 0), ("relight_pictures_mb", 1e9, 8192),
    ("relight_extras", "no", True), ("relight_extras", False, False), ("relight_iclight_dir", None, ""),
])
def test_values_that_an_edited_file_may_hold(opts, name, value, expected):
    opts[name] = value
    assert settings.get(name) == expected
