"""Tests random models, LDM names, offsets, and the files in models/demo."""

import json
from pathlib import Path

import pytest
import torch
from diffusers import AutoencoderKL, UNet2DConditionModel
from diffusers.loaders import single_file_utils
from ldm_layout import ldm_vae, unet_key
from random_models import WEIGHTS, make_ldm_variants, make_random_models
from safetensors.torch import load_file
from sd_relight.training.inference import pad_heads
from sd_relight.training.models import load_unet, offsets_between, with_offsets

DEMO = Path(__file__).resolve().parents[2] / "models" / "demo"
MEGABYTE = 1e6


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    return make_random_models(tmp_path_factory.mktemp("random"), seed=3)


def test_the_same_seed_gives_the_same_files(folder, tmp_path):
    again = make_random_models(tmp_path, seed=3)
    for path in (f"unet/{WEIGHTS}", "iclight_fbc.safetensors", "ip-adapter.safetensors", "image_encoder/model.safetensors"):
        assert (again / path).read_bytes() == (folder / path).read_bytes(), path


def test_random_models_leave_the_callers_random_state_alone(tmp_path):
    before = torch.get_rng_state()
    make_random_models(tmp_path, seed=1)
    assert torch.equal(torch.get_rng_state(), before)


def test_random_models_have_sd15s_686_tensors(folder):
    assert len(load_file(str(folder / "unet" / WEIGHTS))) == 686
    shapes = {kind: load_file(str(folder / f"iclight_{kind}.safetensors"))["conv_in.weight"].shape[1] for kind in ("fc", "fbc")}
    assert shapes == {"fc": 8, "fbc": 12}


@pytest.mark.parametrize("which", ["random", "demo"])
def test_ldm_names_are_those_that_diffusers_converts_from(which, folder, tmp_path):
    models = folder if which == "random" else DEMO
    checkpoint = load_file(str(make_ldm_variants(models, tmp_path) / "model.safetensors"))
    unet = UNet2DConditionModel.from_pretrained(models / "unet")
    vae = AutoencoderKL.from_pretrained(models / "vae")
    for module, convert in ((unet, single_file_utils.convert_ldm_unet_checkpoint),
                            (vae, single_file_utils.convert_ldm_vae_checkpoint)):
        converted, state = convert(dict(checkpoint), dict(module.config)), module.state_dict()
        assert converted.keys() == state.keys()
        assert all(torch.equal(v.float().reshape(state[k].shape), state[k].float()) for k, v in converted.items())


def test_ldm_names_do_not_collide(folder):
    state = load_file(str(folder / "unet" / WEIGHTS))
    assert len({unet_key(k) for k in state}) == len(state)
    vae = load_file(str(folder / "vae" / WEIGHTS))
    assert len(ldm_vae(vae)) == len(vae)


def test_offsets_give_the_tuned_weights_back():
    base = {"conv_in.weight": torch.randn(4, 4, 3, 3), "a": torch.randn(5)}
    tuned = {"conv_in.weight": torch.randn(4, 12, 3, 3), "a": base["a"] + 1e-3}
    back = with_offsets({k: v.half() for k, v in base.items()}, offsets_between(base, tuned))
    for key, value in tuned.items():
        torch.testing.assert_close(back[key], value, atol=2e-3, rtol=0)  # float16 of numbers up to 4


def test_padded_heads_change_nothing(folder):
    """They are for torch's CPU kernel alone."""
    unet, padded = load_unet(folder), load_unet(folder)
    pad_heads(padded, 16)
    x, hidden = torch.randn(1, 4, 16, 16), torch.randn(1, 77, 32)
    with torch.no_grad():
        torch.testing.assert_close(padded(x, 500, hidden).sample, unet(x, 500, hidden).sample, atol=1e-5, rtol=0)
    assert len(padded.down_blocks[0].attentions[0].transformer_blocks[0].attn1.to_q.weight) == 16 * 8


def test_the_demo_unet_has_sd15s_686_tensors():
    state = load_file(str(DEMO / "unet" / WEIGHTS))
    assert len(state) == 686
    for kind in ("fc", "fbc"):
        assert load_file(str(DEMO / f"iclight_{kind}.safetensors")).keys() == state.keys()


def test_the_demo_models_are_small_and_name_no_machine():
    files = [p for p in DEMO.rglob("*") if p.is_file()]
    assert sum(p.stat().st_size for p in files) <= 40 * MEGABYTE
    for path in DEMO.rglob("*.json"):
        if path.name != "vocab.json":
            config = json.loads(path.read_text())
            assert "_name_or_path" not in config and "dtype" not in config, path


def test_the_demo_offsets_fit_the_demo_unet():
    for kind, channels in (("fc", 8), ("fbc", 12)):
        unet = load_unet(DEMO, kind)
        assert unet.conv_in.in_channels == channels
        assert all(torch.isfinite(p).all() for p in unet.parameters())
