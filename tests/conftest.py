"""What every test stands on: the private root package, a fixed seed, few threads."""

import os
import random
import sys
import types
from pathlib import Path

os.environ.setdefault("HF_HUB_OFFLINE", "1")
os.environ.setdefault("TRANSFORMERS_OFFLINE", "1")
os.environ.setdefault("GRADIO_ANALYTICS_ENABLED", "False")
os.environ.setdefault("OMP_NUM_THREADS", "1")  # also in child processes: tiny networks lose time with more

import numpy as np
import pytest
import torch

ROOT = Path(__file__).resolve().parent.parent


def ensure_root_package():
    """The package `sd_relight`, whose only content is the path of this checkout, as scripts/relight.py makes it."""
    if "sd_relight" not in sys.modules:
        package = types.ModuleType("sd_relight")
        package.__path__ = [str(ROOT)]
        sys.modules["sd_relight"] = package


ensure_root_package()


def pytest_addoption(parser):
    parser.addoption("--webui", default=None, metavar="PATH",
                     help="run tests/contract against this checkout of a real WebUI as well")


@pytest.fixture(scope="session")
def repo_root():
    return ROOT


@pytest.fixture(scope="session")
def webui_path(request):
    """The real host's folder given with --webui, or None."""
    path = request.config.getoption("--webui")
    return Path(path).resolve() if path else None


@pytest.fixture(autouse=True)
def seeded():
    """Every test starts from the same random state."""
    random.seed(0)
    np.random.seed(0)
    torch.manual_seed(0)


@pytest.fixture(scope="session")
def embedded(tmp_path_factory):
    """The embedded host with its page and API, one process for all API and browser tests."""
    from api.serving import embedded_host

    with embedded_host(tmp_path_factory.mktemp("host")) as process:
        yield process


@pytest.fixture
def rng():
    """NumPy's generator with a fixed seed: the same numbers on every platform."""
    return np.random.default_rng(0)
