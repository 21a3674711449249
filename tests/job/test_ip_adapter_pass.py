"""The IP-Adapter half of a job without a host: encoders of several units, and a LoRA that does not fit."""

from contextlib import contextmanager
from pathlib import Path
from types import SimpleNamespace

import pytest
import torch
from ipadapter import ip_files as made
from PIL import Image
from safetensors.torch import load_file, save_file
from sd_relight.lib_ipadapter.encode import encoder
from sd_relight.lib_ipadapter.errors import IpAdapterError
from sd_relight.lib_relight.base.errors import RelightError
from sd_relight.lib_relight.job.ip_adapter_pass import IpAdapterPass, IpAdapterReport
from sd_relight.lib_relight.models import checkpoint
from sd_relight.lib_relight.request.images import ImageDecoder
from sd_relight.lib_relight.request.ip_adapter_unit import parse_units
from transformers import CLIPVisionConfig, CLIPVisionModelWithProjection

WIDTHS = {"small": (64, 24), "large": (96, 40)}
"""Encoder -> (hidden width, projection width)"""


@pytest.fixture
def folder(tmp_path):
    """Two encoders, and an adapter of each for either: base by projection, plus by hidden width."""
    for number, (name, (hidden, projection)) in enumerate(WIDTHS.items()):
        torch.manual_seed(number)
        config = CLIPVisionConfig(hidden_size=hidden, intermediate_size=32, projection_dim=projection, num_hidden_layers=2,
                                  num_attention_heads=4, image_size=28, patch_size=14)
        state = CLIPVisionModelWithProjection(config).state_dict()
        save_file({key: value for key, value in state.items() if "position_ids" not in key}, tmp_path / f"vision_{name}.safetensors")
        layers = made.layer_shapes("sd15", 64, 16)
        for kind, shapes in (("base", made.base_proj(projection, 64)), ("plus", made.resampler(hidden, 64, 64, 1))):
            save_file(made.random_state(made.flat(shapes, layers), seed=number), tmp_path / f"{kind}_{name}.safetensors")
    return tmp_path


@pytest.fixture
def opened(monkeypatch):
    """Names of the encoders, in the order they are loaded."""
    names, real = [], encoder.opened

    @contextmanager
    def watched(path, *args, **kwargs):
        names.append(Path(path).stem)
        with real(path, *args, **kwargs) as loaded:
            yield loaded

    monkeypatch.setattr(encoder, "opened", watched)
    return names


def prompts_of(folder, *models, colour=(200, 30, 60)):
    """One job with a unit for each model -> what each unit's image became."""
    host = SimpleNamespace(block_layout=lambda unet: (16, 64), unet=lambda p: None, device=lambda: "cpu", progress=lambda text: None,
                           interrupted=lambda: False, is_img2img=lambda p: False)
    image = Image.new("RGB", (40, 40), colour)
    job = IpAdapterPass(host, SimpleNamespace(), parse_units([{"model": model, "image": image} for model in models], ImageDecoder()), lambda kind: [folder])
    job.prepare(SimpleNamespace())
    return [entry.prompts[0].cond for entry in job.prepared]


def test_each_unit_has_the_encoder_of_its_width(folder, opened):
    """sdnext 2798: switching between adapters kept the first one's encoder."""
    names = ["base_small", "plus_large", "base_large", "plus_small"]
    together = prompts_of(folder, *names)
    assert opened == ["vision_small", "vision_large"], "each loaded once a job"
    for name, tokens in zip(names, together):
        (alone,) = prompts_of(folder, name, colour=(201, 30, 60))
        assert opened.pop() == f"vision_{name.split('_')[1]}"
        (again,) = prompts_of(folder, name)
        assert torch.equal(again, tokens) and not torch.equal(alone, tokens)
    assert opened == ["vision_small", "vision_large"], "what was looked at before is remembered"


def test_a_replaced_encoder_is_read_again(folder, opened):
    """The same path with other content: the old encoder's prompt is not used again."""
    (first,) = prompts_of(folder, "base_small", colour=(9, 9, 9))
    path = folder / "vision_small.safetensors"
    state = {key: value + 0.1 for key, value in load_file(path).items()}
    save_file(state, path)
    (second,) = prompts_of(folder, "base_small", colour=(9, 9, 9))
    assert opened == ["vision_small"] * 2 and not torch.equal(first, second)


def entry(model, loras, strength=1.0):
    adapter = SimpleNamespace(variant=SimpleNamespace(path=Path(f"{model}.bin")), lora=[None] * loras, identity=model)
    return SimpleNamespace(adapter=adapter, unit=SimpleNamespace(params=SimpleNamespace(faceid_lora=strength)))


def test_a_lora_is_taken_whole_or_rejected():
    taken = []

    def add_lora(unet, deltas, strength, identity):
        taken.append((identity, strength))
        return min(len(deltas), 128)

    job = SimpleNamespace(host=SimpleNamespace(add_lora=add_lora), applied=IpAdapterReport(["a", "b"], 16, 16))
    IpAdapterPass.add_loras(job, None, [entry("a", 128), entry("b", 128, 0.5), entry("c", 128, 0)])
    assert taken == [("a", 1.0), ("b", 0.5)]
    assert str(job.applied) == "IP-Adapter a + b, patched 16/16, LoRA 256/256"
    with pytest.raises(RelightError) as caught:
        IpAdapterPass.add_loras(job, None, [entry("d", 560)])
    assert str(caught.value) == ("The LoRA inside `d.bin` has 560 parts, but only 128 fit the checkpoint; set `faceid_lora` to 0, or "
                                 "load another checkpoint.")


def test_a_hires_checkpoint_of_another_family_is_rejected():
    variant = SimpleNamespace(base="sd15", cross=768, path=Path("base.safetensors"))
    unit = SimpleNamespace(adapter=SimpleNamespace(variant=variant), unit=SimpleNamespace(params=SimpleNamespace(hr_option="both")))
    job = SimpleNamespace(prepared=[unit], host=SimpleNamespace(block_layout=lambda unet: (70, 2048)))
    with pytest.raises(IpAdapterError, match="`base.safetensors` is for SD 1.5 .*, but the checkpoint is SDXL"):
        IpAdapterPass.apply(job, None, SimpleNamespace(unet=None, is_hr_pass=True))


def test_auto_is_named_in_the_infotext(folder, monkeypatch):
    monkeypatch.setattr(checkpoint, "selected", lambda: None)
    (folder / "plus_large.safetensors").rename(folder / "a_plus.safetensors")
    units = parse_units([{"image": Image.new("RGB", (40, 40))}], ImageDecoder())
    job = IpAdapterPass(SimpleNamespace(is_img2img=lambda p: False), SimpleNamespace(), units, lambda kind: [folder])
    assert units[0].params.model == "auto"
    assert job.infotext(0)["Relight IP 1 model"] == job.paths[0].stem == "base_large"
