"""One embedded host for each test file, on the demo models, and jobs whose sampler inputs are recorded."""

import numpy as np
import pytest
from job.sampler_inputs import JOB, watch
from PIL import Image
from sd_relight.embedded_host.host import EmbeddedHost


@pytest.fixture(scope="module")
def host(repo_root, tmp_path_factory):
    return EmbeddedHost(repo_root / "models" / "demo", device="cpu", extensions=[repo_root],
                        data_dir=tmp_path_factory.mktemp("data"))


@pytest.fixture
def photo(rng):
    """120 x 80, a soft round matte in its alpha."""
    y, x = np.mgrid[0:80, 0:120]
    alpha = np.clip((45 - np.hypot(x - 60, y - 40)) * 20, 0, 255)
    return Image.fromarray(np.dstack([rng.integers(0, 256, (80, 120, 3)), alpha]).astype(np.uint8), "RGBA")


@pytest.fixture
def applied(host, monkeypatch):
    """Run a job, get what the sampler finds: p, unet, x, steps and colour matches, one entry a pass and batch."""
    def run(kind="txt2img", iclight=None, **fields):
        seen = []
        for name in ("sample", "sample_img2img"):
            watch(monkeypatch, name, seen)
        script = {} if iclight is None else {"alwayson_scripts": {"Relight": {"args": [{"iclight": iclight}]}}}
        result = getattr(host, kind)({**JOB, **fields, **script})
        return seen, result

    return run
