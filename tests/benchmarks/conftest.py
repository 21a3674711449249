"""One embedded host with Relight and the demo models for all benchmarks."""

from types import SimpleNamespace

import pytest
from sd_relight.embedded_host.host import EmbeddedHost


@pytest.fixture(scope="session")
def session(repo_root, tmp_path_factory):
    """What the benchmarks use of embedded_host.cli.session.Session."""
    models = repo_root / "models" / "demo"
    host = EmbeddedHost(models, device="cpu", extensions=[repo_root], data_dir=tmp_path_factory.mktemp("data"))
    return SimpleNamespace(host=host, models=models, device="cpu")
