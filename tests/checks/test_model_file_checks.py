"""Model files and checkpoints that are missing or do not fit, before a job."""

from types import SimpleNamespace

import pytest
from checks.example_requests import asked, errors_of, state, unit
from sd_relight.lib_ipadapter.files.variants import EncoderNeed
from sd_relight.lib_relight.base.errors import RelightError
from sd_relight.lib_relight.checks.check import check
from sd_relight.lib_relight.models import ip_adapter_files
from sd_relight.lib_relight.models.checkpoint import Checkpoint, inspect


def test_fbc_is_known_by_its_file():
    """A file's name says nothing: fbc without a background takes the light as background, at any denoising strength."""
    assert check(asked(model="iclight_fbc", light="left"), state(True, denoise=0.4)) == []
    assert len(check(asked(model="iclight_fc", light="left"), state(True, denoise=0.4))) == 1


def test_files_that_are_not_there(tmp_path):
    found = errors_of(asked([unit(model="plus")]), state(folders=lambda kind: [tmp_path / kind]))
    assert found == [
        "No IC-Light fc model was found; put iclight_sd15_fc.safetensors (any name will do) from "
        f"https://huggingface.co/lllyasviel/ic-light into {tmp_path / 'iclight'}, then generate again.",
        f"`model` of an `ip_adapter` unit is 'plus', but no such file is in {tmp_path / 'ipadapter'}; put it there or choose one "
        "that is there (none yet)."]


def test_a_known_adapter_that_is_not_there_is_named_with_its_source(tmp_path):
    found = errors_of(asked([unit(model="ip-adapter-plus_sd15")], light="none"), state(folders=lambda kind: [tmp_path / kind]))
    assert found[-1] == (
        f"`model` of an `ip_adapter` unit is 'ip-adapter-plus_sd15', but no such file is in {tmp_path / 'ipadapter'}; get "
        "ip-adapter-plus_sd15.safetensors from https://huggingface.co/h94/IP-Adapter and put it there, or choose one that is there "
        "(none yet).")


def test_an_encoder_that_is_not_there_is_named_with_its_source(tmp_path):
    variant = SimpleNamespace(encoder=EncoderNeed("image_embeds", 1024, "H"), path=tmp_path / "plus.safetensors")
    with pytest.raises(RelightError) as caught:
        ip_adapter_files.encoder_for(variant, [tmp_path])
    assert str(caught.value).endswith(
        f"Get CLIP-ViT-H-14.safetensors from https://huggingface.co/h94/IP-Adapter, and put it into {tmp_path}.")


def test_an_adapter_for_another_checkpoint():
    found = errors_of(asked([unit()]), state(checkpoint=Checkpoint("xl", "sdxl", 4, 70, 2048)))
    assert len(found) == 2 and found[1].startswith("`ip-adapter.safetensors` is for SD 1.5 (16 layers, text width ")


def test_what_fits_together_has_no_errors(repo_root):
    demo = inspect(repo_root / "models" / "demo")
    assert (demo.family, demo.in_channels, demo.layers) == ("sd15", 4, 16)
    assert errors_of(asked([unit()], light="left"), state(checkpoint=demo)) == []
    assert errors_of(asked(light="left"), state(checkpoint=Checkpoint("new kind"))) == []


def test_a_file_that_is_no_checkpoint(tmp_path):
    (tmp_path / "page.safetensors").write_bytes(b"<!doctype html>")
    assert inspect(tmp_path / "page.safetensors") == Checkpoint("page.safetensors")
    assert inspect(tmp_path / "absent.safetensors").family == "unknown"
