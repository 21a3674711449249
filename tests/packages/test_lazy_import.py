"""Lazy imports: a package is loaded at the first call, and the stubs are removed."""

import importlib
import sys

import pytest
from sd_relight.lib_relight.packages.lazy_import import postponed


@pytest.fixture
def slow(tmp_path, monkeypatch):
    """A package `slowlib` that counts its imports, and `userlib` that imports a function of it."""
    inner = tmp_path / "slowlib" / "deep"
    inner.mkdir(parents=True)
    (tmp_path / "slowlib" / "__init__.py").write_text("import builtins\nbuiltins.slow_imports.append(1)\n")
    (inner / "__init__.py").write_text("")
    (inner / "work.py").write_text("def double(x, *, plus=0):\n    return 2 * x + plus\n")
    (tmp_path / "userlib.py").write_text("from slowlib.deep.work import double\nimport slowlib\n")
    (tmp_path / "badlib.py").write_text("import slowlib.deep\nraise RuntimeError('half-way')\n")
    imports = []
    monkeypatch.setattr("builtins.slow_imports", imports, raising=False)
    monkeypatch.syspath_prepend(tmp_path)
    yield imports
    for name in [name for name in sys.modules if name.partition(".")[0] in ("slowlib", "userlib", "badlib")]:
        del sys.modules[name]


def test_the_import_waits_for_the_call(slow):
    with postponed("slowlib"):
        import userlib
    assert slow == [] and "slowlib" not in sys.modules
    assert userlib.double(3, plus=1) == 7
    assert slow == [1] and "slowlib" in sys.modules


def test_others_import_the_real_package_afterwards(slow):
    with postponed("slowlib"):
        import userlib  # noqa: F401
    work = importlib.import_module("slowlib.deep.work")
    assert work.__file__.endswith("work.py") and slow == [1]


def test_a_loaded_package_stays_as_it_is(slow):
    import slowlib
    with postponed("slowlib"):
        import userlib
    assert userlib.slowlib is slowlib and userlib.double.__module__ == "slowlib.deep.work"


def test_a_failed_import_leaves_nothing_behind(slow):
    finders = list(sys.meta_path)
    with pytest.raises(RuntimeError, match="half-way"), postponed("slowlib"):
        import badlib  # noqa: F401
    assert sys.meta_path == finders
    assert not any(name.startswith("slowlib") for name in sys.modules)


def test_none_postpones_nothing():
    finders = list(sys.meta_path)
    with postponed(None):
        assert sys.meta_path == finders
