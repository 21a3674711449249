"""Parts of the host adapters that run without a host."""

import ast
import sys
from types import SimpleNamespace

import pytest
import torch
from PIL import Image
from sd_relight.lib_iclight.errors import IcLightError
from sd_relight.lib_relight import hosts
from sd_relight.lib_relight.base.errors import OUT_OF_MEMORY, RelightError, status_of
from sd_relight.lib_relight.hosts.failures import ApiError, discard_images, guard_sampler, stop_job
from sd_relight.lib_relight.hosts.patcher import PatcherHost, concat_wrapper
from sd_relight.lib_relight.hosts.state import reset, state_of
from sd_relight.lib_relight.hosts.types import Host
from sd_relight.lib_relight.hosts.webui import REMARKS, WebuiHost, fits


class PlainHost(WebuiHost):
    def sigma_table(self, p):
        raise NotImplementedError


def interface(cls):
    return {name for name in {*vars(cls), *getattr(cls, "__annotations__", ())} if not name.startswith("_")}


@pytest.mark.parametrize(("module", "name"), [row[1:3] for row in hosts.ADAPTERS])
def test_an_adapter_has_the_whole_interface(module, name, repo_root):
    """Read from the source, since an adapter is imported inside its host only."""
    tree = ast.parse((repo_root / f"lib_relight/hosts/{module}.py").read_text("utf-8"))
    adapter, = (node for node in tree.body if isinstance(node, ast.ClassDef) and node.name == name)
    own = {node.name for node in adapter.body if isinstance(node, ast.FunctionDef)}
    base = {"WebuiHost": WebuiHost, "PatcherHost": PatcherHost}[adapter.bases[0].id]
    inherited = {*dir(base)} - base.__abstractmethods__
    assert (interface(Host) | base.__abstractmethods__) - own - inherited - {"name"} == set()


def apply_model(x, t, c_concat=None, **c):
    return torch.cat([x, c_concat], dim=1)


def arguments(rows):
    x = torch.arange(rows * 4.0).view(rows, 4, 1, 1)
    return {"input": x, "timestep": torch.ones(rows), "c": {"c_crossattn": torch.zeros(rows, 77, 8)}, "cond_or_uncond": [1, 0]}


@pytest.mark.parametrize("rows", [2, 4])
def test_wrapper_gives_each_chunk_the_whole_batch(rows):
    latent = torch.tensor([10.0, 20.0]).view(2, 1, 1, 1).expand(2, 4, 1, 1)
    args = arguments(rows)
    out = concat_wrapper(latent, None)(apply_model, args)
    assert out[:, 4, 0, 0].tolist() == [10.0, 20.0] * (rows // 2)
    assert "c_concat" not in args["c"]


def test_wrapper_goes_on_to_the_one_it_found_by_position():
    def theirs(model_fn, options):
        return model_fn(options["input"] * 2, options["timestep"], **options["c"])

    args = arguments(2)
    out = concat_wrapper(torch.ones(2, 4, 1, 1), theirs)(apply_model, args)
    torch.testing.assert_close(out[:, :4], args["input"] * 2)
    assert out[:, 4:].unique().tolist() == [1.0]


def test_steps_reach_the_sampler_once_however_often_it_is_asked():
    calls = []
    sampler = SimpleNamespace(sample_img2img=lambda p, x, n, c, uc, steps=None, image_conditioning=None: calls.append(steps))
    p = SimpleNamespace(sampler=sampler, steps=25, denoising_strength=0.9)
    host = PlainHost()
    assert host.run_all_steps(p) == host.run_all_steps(p) == (25, 27)
    p.sampler.sample_img2img(p, None, None, None, None, image_conditioning=None)
    assert calls == [25]


def test_error_is_what_the_hosts_answer_with():
    error = ApiError("Do this.", 422)
    assert (vars(error)["status_code"], vars(error)["detail"], str(error)) == (422, "Do this.", "Do this.")


def test_only_our_own_failure_is_removed_by_the_next_job():
    p = SimpleNamespace(is_api=True)
    stop_job(p, RelightError("Do this."), "Do this.", during_sampling=False)
    assert p.init is p.sample
    p.sample = "somebody's"
    reset(p)
    assert not hasattr(p, "init") and p.sample == "somebody's" and state_of(p).job is None


@pytest.mark.parametrize("error, status", [
    (RelightError("Do this."), 422), (RelightError("Too large.", 413), 413), (IcLightError("Do this."), 422),
    (ValueError("operands could not be broadcast together"), 500), (KeyError("w"), 500),
    (MemoryError(), 507), (RuntimeError("CUDA out of memory. Tried to allocate 2.00 GiB"), 507)])
def test_only_user_errors_are_unprocessable(error, status):
    assert status_of(error) == status
    p = SimpleNamespace(is_api=True)
    stop_job(p, error, "The message.", during_sampling=False)
    with pytest.raises(ApiError, match="The message.") as caught:
        p.init()
    assert caught.value.status_code == status


def test_remarks_reach_page_console_and_infotext_once(capsys):
    comments = []
    p = SimpleNamespace(comment=comments.append, extra_generation_params={})
    for message in ("Relight: the mask is black.", "Relight: the mask is black.", "The light is weak."):
        PlainHost().notify(p, message)
    assert comments == ["Relight: the mask is black.", "Relight: The light is weak."]
    assert p.extra_generation_params == {REMARKS: "the mask is black. The light is weak."}
    assert capsys.readouterr().out == "[Relight] the mask is black.\n[Relight] The light is weak.\n"


@pytest.mark.parametrize("name", ["get_crop_region", "get_crop_region_v2"])
def test_crop_box_with_either_function_of_the_host(name, monkeypatch):
    masking = SimpleNamespace(expand_crop_region=lambda region, *sizes: region, **{name: lambda mask, padding: (1, 2, 3, 4)})
    monkeypatch.setitem(sys.modules, "modules", SimpleNamespace(masking=masking))
    assert PlainHost().crop_box(Image.new("L", (8, 8), 255), 0, 64, 64) == (1, 2, 3, 4)
    assert PlainHost().crop_box(Image.new("L", (8, 8)), 0, 64, 64) is None


@pytest.mark.parametrize("weight, delta, answer", [
    ((8, 4, 3, 3), (8, 8, 3, 3), True), ((8, 8, 3, 3), (8, 8, 3, 3), True), ((8, 9, 3, 3), (8, 8, 3, 3), False),
    ((8, 12, 3, 3), (8, 8, 3, 3), True),
    ((8, 4, 3, 3), (9, 8, 3, 3), False), ((8, 4), (8, 4), True), ((8, 4), (8, 8), False), ((8,), (7,), False)])
def test_only_what_can_be_added_is_offered(weight, delta, answer):
    assert fits(torch.zeros(weight), torch.zeros(delta)) is answer


def test_shapes_that_cannot_be_seen_or_are_missing():
    assert fits(torch.zeros(3, dtype=torch.uint8), torch.zeros(8, 4))
    assert not fits(None, torch.zeros(8, 4))


class Wrapped(torch.nn.Module):
    """An online LoRA around a layer, as PEFT names its parts."""

    def __init__(self, layer):
        super().__init__()
        self.base_layer, self.lora_A = layer, torch.nn.Linear(layer.in_features, 2, bias=False)


@pytest.mark.parametrize("wrapped", [(), (0,), (0, 1)])
def test_attention_layers_that_others_wrap_are_counted(wrapped):
    layers = [torch.nn.Linear(24, 8, bias=False) for _ in range(2)]
    layers = [Wrapped(layer) if number in wrapped else layer for number, layer in enumerate(layers)]
    blocks = [torch.nn.ModuleDict({"attn2": torch.nn.ModuleDict({"to_k": layer})}) for layer in layers]
    assert PlainHost().block_layout(SimpleNamespace(model=torch.nn.ModuleList(blocks))) == (2, 24)


@pytest.mark.parametrize("module, loses", [(None, False), ({"last_exception": None}, False), ({}, True)])
def test_a_failure_while_sampling_shows_in_every_panel(module, loses, monkeypatch):
    """Where the panel's thread drops what is raised, the job ends with the sentence and without an image instead."""
    messages, interrupts = [], []
    shared = SimpleNamespace(state=SimpleNamespace(interrupt=lambda: interrupts.append(1)))
    monkeypatch.setitem(sys.modules, "modules", SimpleNamespace(shared=shared))
    package = None if module is None else SimpleNamespace(main_thread=SimpleNamespace(**module))
    monkeypatch.setitem(sys.modules, "modules_forge", package)
    p = SimpleNamespace(is_api=False, comment=messages.append, sampler=SimpleNamespace(sample=list, sample_img2img=list))
    processed = SimpleNamespace(images=["half done"], infotexts=["text"])
    stop_job(p, RelightError("Do this."), "Do this.", during_sampling=True)
    discard_images(p, processed)
    if loses:
        assert (messages, interrupts, processed.images, processed.infotexts) == (["Do this."], [1], [], [])
        assert p.do_not_save_samples and p.do_not_save_grid
        discard_images(p, processed)
    else:
        assert (messages, interrupts, processed.images) == ([], [], ["half done"])
        with pytest.raises(RelightError, match="Do this."):
            p.sampler.sample()


@pytest.mark.parametrize("is_api", [True, False])
def test_lack_of_memory_in_the_hosts_sampler_is_our_sentence(is_api):
    """Once, however often the hook runs; every other error stays the host's."""
    raised, cleaned = [torch.OutOfMemoryError("CUDA out of memory"), ValueError("theirs")], []

    def sample(*args):
        raise raised.pop(0)

    p = SimpleNamespace(is_api=is_api, sampler=SimpleNamespace(sample=sample, sample_img2img=sample))
    for _ in range(2):
        guard_sampler(p, torch.device("cpu"), lambda: cleaned.append(p))
    with pytest.raises(RelightError) as caught:
        p.sampler.sample(p)
    assert (str(caught.value), caught.value.status_code, caught.value.__context__) == (OUT_OF_MEMORY, 507, None)
    assert isinstance(caught.value, ApiError) is is_api and cleaned == [p]
    with pytest.raises(ValueError, match="theirs"):
        p.sampler.sample_img2img(p)
    assert cleaned == [p]
