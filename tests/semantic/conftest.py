"""The real script on the embedded host with the demo models, and images that several tests look at."""

from pathlib import Path

import pytest
from sd_relight.embedded_host.host import EmbeddedHost
from semantic.relighting import Objects, relight

ROOT = Path(__file__).resolve().parents[2]


@pytest.fixture(scope="session")
def host(tmp_path_factory):
    return EmbeddedHost(ROOT / "models" / "demo", device="cpu", extensions=[ROOT],
                        data_dir=tmp_path_factory.mktemp("data"))


@pytest.fixture(scope="session")
def objects():
    return Objects(6)


@pytest.fixture(scope="session")
def four_relights(host, objects):
    """{light: [one relit image for each of the first three objects]}, img2img at denoise 1."""
    return {light: [relight(host, objects, i, light) for i in range(3)] for light in ("left", "right", "top", "bottom")}
