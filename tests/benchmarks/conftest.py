"""One embedded host with Relight and the demo models for all benchmarks."""

import importlib.util
from types import SimpleNamespace

import pytest
from sd_relight.embedded_host.host import EmbeddedHost


@pytest.fixture(scope="session")
def session(repo_root, tmp_path_factory):
    """What the benchmarks use of embedded_host.cli.session.Session."""
    models = repo_root / "models" / "demo"
    host = EmbeddedHost(models, device="cpu", extensions=[repo_root], data_dir=tmp_path_factory.mktemp("data"))
    return SimpleNamespace(host=host, models=models, device="cpu")


@pytest.fixture(scope="session")
def parse(repo_root):
    """What dev.py makes of a command line: parse("bench", "--full")."""
    spec = importlib.util.spec_from_file_location("dev", repo_root / "dev.py")
    dev = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(dev)
    return lambda *words: dev.parser().parse_args(words)
