"""The developers' command and its modules, loaded from their files."""

import importlib.util
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]


@pytest.fixture(scope="session")
def dev():
    """dev.py as a module; its import puts devtools/ on the path, which is taken off again at the end."""
    before = list(sys.path)
    spec = importlib.util.spec_from_file_location("dev", ROOT / "dev.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    yield module
    sys.path[:] = before


@pytest.fixture
def environments(dev):
    return dev.environments


@pytest.fixture
def project(tmp_path):
    """A folder with requirement files and nothing else."""
    (tmp_path / "requirements").mkdir()
    for name in ("forge.txt", "neo.txt", "test.txt"):
        (tmp_path / "requirements" / name).write_text(f"# {name}\n")
    return tmp_path
