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


@pytest.mark.parametrize("size, is_hidden", [(10, True), (lean_imports.LARGE + 1, False)])
def test_accelerate_is_imported_for_large_files(monkeypatch, tmp_path, size, is_hidden):
    (tmp_path / "unet").mkdir()
    with (tmp_path / "unet" / "diffusion_pytorch_model.safetensors").open("wb") as file:
        file.truncate(size)
    found = []

    @contextmanager
    def hidden(names):
        found.extend(names)
        yield

    monkeypatch.setattr(lean_imports, "hidden", hidden)
    lean_imports.import_diffusers(tmp_path)
    assert (lean_imports.FOR_LARGE_FILES in found) == is_hidden
    assert found[:2] == list(lean_imports.UNUSED)
