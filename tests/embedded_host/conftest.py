"""One embedded host for each test file, on the demo models, with a script that records the hooks."""

import types
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image
from sd_relight.embedded_host.host import EmbeddedHost

HERE = Path(__file__).resolve().parent
DEMO = HERE.parents[1] / "models" / "demo"
MIDDLE = 72  # width of the middle block
SMALL = {"width": 64, "height": 64, "steps": 2, "cfg_scale": 3.0, "seed": 5, "prompt": "a red ball", "sampler_name": "Euler"}


@pytest.fixture(scope="module")
def host(tmp_path_factory):
    return EmbeddedHost(DEMO, device="cpu", extensions=[HERE / "embedded_probe"], data_dir=tmp_path_factory.mktemp("data"))


@pytest.fixture
def probe(host):
    """calls: [(hook, args, kwargs)]; actions: {hook: function(p, *args, **kwargs)}."""
    from modules import scripts

    module = scripts.scripts_data[0].module
    module.calls.clear()
    module.actions.clear()
    yield types.SimpleNamespace(calls=module.calls, actions=module.actions, names=lambda: [name for name, _, _ in module.calls])
    module.actions.clear()


@pytest.fixture
def latents(host, probe):
    """Run a job, get its latents before decoding: float32 [B, 4, h, w], one entry for each batch."""

    def run(kind="txt2img", **fields):
        taken = []
        probe.actions["post_sample"] = lambda p, ps, *args: taken.append(ps.samples)
        getattr(host, kind)({**SMALL, **fields})
        return taken[0] if len(taken) == 1 else taken

    return run


@pytest.fixture
def photo():
    """A 96 x 64 image with a left-right and a top-bottom ramp."""
    x, y = np.meshgrid(np.linspace(0, 255, 96), np.linspace(0, 255, 64))
    return Image.fromarray(np.stack([x, y, 255 - x], axis=-1).astype(np.uint8))


@pytest.fixture
def weights(host):
    """A copy of the UNet's weights: compare with `same_weights`."""
    return {key: value.clone() for key, value in host.model.model.state_dict().items()}


def same_weights(model, copy):
    state = model.state_dict()
    return state.keys() == copy.keys() and all(torch.equal(state[key], value) for key, value in copy.items())


def pixels(image):
    return np.asarray(image.convert("RGB")).astype(np.int32)
