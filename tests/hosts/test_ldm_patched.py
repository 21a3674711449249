"""The adapter of reForge, Classic and old Forge against stubs of `ldm_patched`."""

import importlib
import sys
from types import ModuleType, SimpleNamespace

import pytest
import torch

NAME = "sd_relight.lib_relight.hosts.ldm_patched"
UP, DOWN = torch.ones(3, 2), torch.ones(2, 5)


class Adapter:
    def __init__(self, loaded_keys, weights):
        self.weights = weights


@pytest.fixture
def load(monkeypatch):
    """Builds the adapter; given a LoRA class, as on reForge, or none, as on the older ones."""
    def build(adapter):
        contents = {"ldm_patched": {}, "ldm_patched.modules": {"model_management": SimpleNamespace()},
                    "ldm_patched.ldm": {}, "ldm_patched.ldm.modules": {},
                    "ldm_patched.ldm.modules.attention": {"optimized_attention": max},
                    "ldm_patched.modules.weight_adapter": adapter and {"LoRAAdapter": adapter}}
        for name, values in contents.items():
            module = None if values is None else ModuleType(name)
            vars(module).update(values) if module else None
            monkeypatch.setitem(sys.modules, name, module)
            parent, _, child = name.rpartition(".")
            if parent:
                setattr(sys.modules[parent], child, module)
        monkeypatch.delitem(sys.modules, NAME, raising=False)
        host = importlib.import_module(NAME).LdmPatchedHost()
        monkeypatch.delitem(sys.modules, NAME)
        return host

    return build


class Unet:
    """add_patches as these hosts have it: no filename, and on reForge a new uuid at each call."""

    def __init__(self):
        self.patches, self.object_patches, self.patches_uuid = {}, {}, "base"

    def add_patches(self, patches, strength_patch=1.0, strength_model=1.0):
        self.patches, self.strength, self.patches_uuid = patches, strength_patch, object()
        return list(patches)


def add(host):
    unet = Unet()
    host.add_lora(unet, [SimpleNamespace(weight_key="a.weight", up=UP, down=DOWN)], 0.5, "face")
    return unet


def test_reforge_gets_an_adapter_for_each_lora(load):
    unet = add(load(Adapter))
    patch = unet.patches["diffusion_model.a.weight"]
    assert isinstance(patch, Adapter)
    assert patch.weights == (UP, DOWN, None, None, None, None)
    assert unet.strength == 0.5


def test_older_ones_get_the_tuple(load):
    kind, values = add(load(None)).patches["diffusion_model.a.weight"]
    assert (kind, values) == ("lora", (UP, DOWN, None, None, None))


def test_the_same_patches_have_the_same_name(load):
    host = load(Adapter)
    assert add(host).patches_uuid == add(host).patches_uuid != Unet().patches_uuid


def test_numbers_come_from_the_hosts_model(load):
    host = load(Adapter)
    sampling = SimpleNamespace(sigmas=torch.tensor([0.1, 14.0]), percent_to_sigma=lambda percent: torch.tensor(7.0))
    model = SimpleNamespace(model_sampling=sampling, process_latent_in=lambda latent: latent * 0.18215)
    p = SimpleNamespace(sd_model=SimpleNamespace(forge_objects=SimpleNamespace(unet=SimpleNamespace(model=model))))
    assert host.sigma_table(p) is sampling.sigmas
    assert host.sigma_of(p, 0.5) == 7.0
    assert float(host.scale_latent(p, torch.tensor(1.0))) == pytest.approx(0.18215)
    assert host.attention()(3, 1, 2, 0) == 3


def test_attention_is_looked_up_when_it_is_called(load):
    attend = load(Adapter).attention()
    sys.modules["ldm_patched.ldm.modules.attention"].optimized_attention = min
    assert attend(3, 1, 2, 0) == 0


class OldPatcher:
    """The patcher of Classic and old Forge: no uuid, patches as lists that clones copy, loaded models told apart by object."""

    def __init__(self, model):
        self.model, self.patches, self.object_patches = model, {}, {}
        self.model_options, self.backup, self.extra_concat_condition = {}, {}, None

    def clone(self):
        clone = OldPatcher(self.model)
        clone.patches = {key: list(entries) for key, entries in self.patches.items()}
        clone.object_patches = dict(self.object_patches)
        return clone

    def add_patches(self, patches, strength_patch=1.0, strength_model=1.0):
        for key, value in patches.items():
            self.patches.setdefault(key, []).append((strength_patch, value, strength_model))
        return list(patches)


class OldHost:
    """Jobs on one checkpoint, each with a clone of its patcher."""

    def __init__(self, host):
        self.host, self.base = host, OldPatcher(object())
        self.p = SimpleNamespace(sd_model=SimpleNamespace(forge_objects=SimpleNamespace()))

    def job(self, identity="fc", base=None, concat=None):
        unet = (base or self.base).clone()
        if identity:
            self.host.add_named_patches(unet, {"diffusion_model.a": ("diff", (UP,))}, identity)
        unet.extra_concat_condition = concat
        self.host.commit(self.p, unet)
        return self.p.sd_model.forge_objects.unet


@pytest.fixture
def old(load):
    return OldHost(load(None))


def test_a_second_job_samples_with_the_patcher_that_has_merged(old):
    first = old.job(concat="one")
    first.backup = {"diffusion_model.a": DOWN}
    merged = first.patches["diffusion_model.a"]
    second = old.job(concat="two")
    assert second is first
    assert second.extra_concat_condition == "two"
    assert second.patches["diffusion_model.a"] is merged
    assert second.backup == {"diffusion_model.a": DOWN}


@pytest.mark.parametrize("change", ["another file", "another LoRA", "another checkpoint", "without weights", "object patch"])
def test_other_weights_need_another_patcher(old, change):
    first = old.job()
    base = old.base.clone() if change != "another checkpoint" else OldPatcher(object())
    if change == "another LoRA":
        base.add_patches({"diffusion_model.b": ("lora", ())})
    if change == "object patch":
        base.object_patches["model_sampling"] = object()
    identity = {"another file": "fbc", "without weights": None}.get(change, "fc")
    assert old.job(identity, base) is not first


def test_the_same_lora_of_the_host_is_known_again(old):
    old.base.add_patches({"diffusion_model.b": ("lora", ())})
    assert old.job() is old.job()
    changed = old.base.clone()
    changed.patches["diffusion_model.b"] = [(0.5, ("lora", ()), 1.0)]
    assert old.job("fc", changed) is not old.job()


def test_patchers_with_a_uuid_are_not_exchanged(load):
    host = load(Adapter)
    unet = Unet()
    p = SimpleNamespace(sd_model=SimpleNamespace(forge_objects=SimpleNamespace()))
    host.commit(p, unet)
    assert p.sd_model.forge_objects.unet is unet
