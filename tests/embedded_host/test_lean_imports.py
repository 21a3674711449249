"""Packages that diffusers only looks for are not imported with it."""

import sys
from contextlib import contextmanager

import pytest
from sd_relight.embedded_host import lean_imports


def test_a_module_is_hidden_inside_the_block_only(monkeypatch):
    monkeypatch.delitem(sys.modules, "colorsys", raising=False)
    with lean_imports.hidden(["colorsys", "json"]):
        import json  # noqa: F401 -- imported before

        with pytest.raises(ImportError):
            import colorsys
    import colorsys

    assert colorsys.__name__ == "colorsys"


@pytest.fixture
def found(monkeypatch):
    """The names that are hidden."""
    names = []

    @contextmanager
    def hidden(given):
        names.extend(given)
        yield

    monkeypatch.setattr(lean_imports, "hidden", hidden)
    monkeypatch.setattr(lean_imports, "LIBRARIES", {"a package that is not imported"})
    monkeypatch.setattr(lean_imports, "version", lambda name: "4.46.1")
    return names


@pytest.mark.parametrize("size, is_hidden", [(10, True), (lean_imports.LARGE + 1, False)])
def test_accelerate_is_imported_for_large_files(found, tmp_path, size, is_hidden):
    (tmp_path / "unet").mkdir()
    with (tmp_path / "unet" / "diffusion_pytorch_model.safetensors").open("wb") as file:
        file.truncate(size)
    lean_imports.import_diffusers(tmp_path)
    assert (lean_imports.FOR_LARGE_FILES in found) == is_hidden
    assert found[:2] == list(lean_imports.UNUSED)


@pytest.mark.parametrize("name, value", [("LIBRARIES", {"json"}), ("version", lambda name: "4.57.6"), ("version", lambda name: "5.0.0")])
def test_nothing_is_hidden_from_packages_that_have_looked_or_are_too_new(found, monkeypatch, tmp_path, name, value):
    monkeypatch.setattr(lean_imports, name, value)
    lean_imports.import_diffusers(tmp_path)
    assert found == []
