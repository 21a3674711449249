"""The A1111 adapter against stubs of the host; the contract tests use the host itself."""

import contextlib
import sys
from types import SimpleNamespace

import pytest
import torch
from sd_relight.lib_relight import hosts
from sd_relight.lib_relight.base.errors import RelightError
from sd_relight.lib_relight.hosts.a1111 import A1111Host, Lora, check_reachable


@pytest.fixture
def modules(monkeypatch):
    """The host's `modules`, as far as it is asked."""
    devices = SimpleNamespace(device="cpu", dtype_vae=torch.float64, without_autocast=contextlib.nullcontext)
    host = SimpleNamespace(devices=devices, sd_vae=SimpleNamespace(loaded_vae_file=None),
                           sd_unet=SimpleNamespace(current_unet=None), shared=SimpleNamespace(opts=SimpleNamespace()))
    monkeypatch.setitem(sys.modules, "modules", host)
    return host


def test_chosen_where_the_others_are_not(modules, monkeypatch):
    monkeypatch.setattr(hosts, "find_spec", lambda name: name == "modules.sd_samplers_cfg_denoiser" or None)
    assert isinstance(hosts.current_host.__wrapped__(), A1111Host)
    monkeypatch.setattr(hosts, "find_spec", lambda name: None)
    with pytest.raises(RelightError, match="Relight does not support this WebUI; it runs on .*Forge, Forge Neo, .*A1111.*\\."):
        hosts.current_host.__wrapped__()


class Posterior(SimpleNamespace):
    def mode(self):
        return self.pixels[:, :1] * 2

    def sample(self):
        return self.mode() + 1


def checkpoint(**more):
    return SimpleNamespace(scale_factor=0.5, first_stage_model=torch.nn.Linear(1, 1), sd_checkpoint_info=SimpleNamespace(filename="a"),
                           encode_first_stage=lambda pixels: Posterior(pixels=pixels), **more)


def test_encode_takes_the_mode_scaled_in_the_vaes_own_precision(modules):
    model = checkpoint()
    latent = A1111Host().encode(SimpleNamespace(sd_model=model), torch.full((1, 3, 2, 2), 0.25))
    torch.testing.assert_close(latent, torch.full((1, 1, 2, 2), 0.25))
    assert latent.dtype == torch.float32
    assert model.first_stage_model.weight.dtype == torch.float64


def test_another_vae_file_is_another_vae(modules):
    p = SimpleNamespace(sd_model=checkpoint())
    before = A1111Host().vae_identity(p)
    modules.sd_vae.loaded_vae_file = "b.safetensors"
    assert A1111Host().vae_identity(p) != before


def test_family_by_the_hosts_flags(modules):
    host = A1111Host()
    assert host.family(SimpleNamespace(sd_model=checkpoint(model=object(), is_sd1=True))) == "sd15"
    assert host.family(SimpleNamespace(sd_model=checkpoint(model=object(), is_sdxl=True))) == "sdxl"
    assert host.family(SimpleNamespace(sd_model=None)) is None


@pytest.mark.parametrize("functional, expected", [
    (False, ["network_apply_weights"]), (True, ["network_restore_weights_from_backup", "network_reset_cached_weight"])])
def test_loras_are_settled_as_the_hosts_setting_has_them(modules, monkeypatch, functional, expected):
    called = []
    names = ("network_apply_weights", "network_restore_weights_from_backup", "network_reset_cached_weight")
    networks = SimpleNamespace(loaded_networks=[object()], **{name: lambda layer, name=name: called.append(name) for name in names})
    modules.shared.opts.lora_functional = functional
    monkeypatch.setitem(sys.modules, "networks", networks)
    Lora.settle(torch.nn.Linear(1, 1))
    assert called == expected


def test_without_the_lora_extension_there_is_nothing_to_settle(modules, monkeypatch):
    monkeypatch.delitem(sys.modules, "networks", raising=False)
    Lora.settle(torch.nn.Linear(1, 1))
    assert Lora.state() == (False, [])


def test_what_would_not_reach_the_model_is_rejected(modules):
    check_reachable()
    modules.sd_unet.current_unet = object()
    with pytest.raises(RelightError, match="SD Unet to None"):
        check_reachable()
