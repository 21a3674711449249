"""Checkpoint family from the header; an IC-Light file chosen as checkpoint is rejected before loading."""

from types import SimpleNamespace

import pytest
import torch
from decoding import decoded
from iclight.files import in_ldm, tiny_unet
from PIL import Image
from sd_relight.lib_iclight.params import IcLightParams
from sd_relight.lib_relight.base.errors import RelightError
from sd_relight.lib_relight.job import hooks
from sd_relight.lib_relight.models.checkpoint import inspect
from sd_relight.lib_relight.request.request import IcLightImages, RelightRequest


def check(repo_root, monkeypatch, checkpoint):
    demo = repo_root / "models" / "demo"
    monkeypatch.setattr(hooks, "model_folders", lambda kind: [demo])
    host = SimpleNamespace(is_img2img=lambda p: False, checkpoint_file=lambda p: demo / checkpoint)
    p = SimpleNamespace(denoising_strength=0.75, batch_size=1, cfg_scale=7.0)
    hooks.check_request(host, p, RelightRequest(IcLightParams(), IcLightImages(decoded(Image.new("RGB", (16, 16))))))


def test_iclight_file_chosen_as_checkpoint(repo_root, monkeypatch):
    with pytest.raises(RelightError, match="iclight_fc.safetensors is an IC-Light file chosen as checkpoint; choose an SD 1.5 "
                                           "checkpoint and leave IC-Light to Relight's `model`."):
        check(repo_root, monkeypatch, "iclight_fc.safetensors")


def test_ordinary_checkpoint(repo_root, monkeypatch):
    check(repo_root, monkeypatch, "unet/diffusion_pytorch_model.safetensors")


def test_lightning_file_and_diffusers_folder(tmp_path):
    state = {**in_ldm(tiny_unet().state_dict(), "model.diffusion_model."), "first_stage_model.x": torch.zeros(1)}
    torch.save({"state_dict": state, "callbacks": {"x": pytest.raises}}, tmp_path / "m.ckpt")
    tiny_unet().save_pretrained(tmp_path / "folder" / "unet")
    for path in (tmp_path / "m.ckpt", tmp_path / "folder"):
        found = inspect(path)
        assert (found.family, found.in_channels, found.layers, found.cross) == ("sd15", 4, 16, 16)


def test_unreadable_checkpoint_is_unknown(tmp_path):
    (tmp_path / "m.safetensors").write_text("<html>")
    assert {inspect(path).family for path in (tmp_path / "m.safetensors", tmp_path / "gone.ckpt", tmp_path)} == {"unknown"}
