"""An IC-Light file chosen as the host's checkpoint stops the job before anything is loaded."""

from types import SimpleNamespace

import pytest
from sd_relight.lib_iclight.params import IcLightParams
from sd_relight.lib_relight.base.errors import RelightError
from sd_relight.lib_relight.job.iclight_pass import IcLightPass
from sd_relight.lib_relight.request.request import IcLightImages


def test_an_iclight_file_chosen_as_checkpoint(repo_root):
    file = repo_root / "models" / "demo" / "iclight_fc.safetensors"
    host = SimpleNamespace(is_img2img=lambda p: False, checkpoint_file=lambda p: file)
    with pytest.raises(RelightError, match="iclight_fc.safetensors is an IC-Light file chosen as checkpoint; choose an SD 1.5 "
                                           "checkpoint and leave IC-Light to Relight's `model`."):
        IcLightPass(host, SimpleNamespace(), IcLightParams(), IcLightImages(), [file])


def test_an_ordinary_checkpoint(repo_root):
    demo = repo_root / "models" / "demo"
    host = SimpleNamespace(is_img2img=lambda p: False, checkpoint_file=lambda p: demo / "unet" / "diffusion_pytorch_model.safetensors")
    assert IcLightPass(host, SimpleNamespace(), IcLightParams(), IcLightImages(), [demo / "iclight_fc.safetensors"]).info.kind == "fc"
