"""LoRA files by name in the prompt."""

import shutil

import pytest
import torch
from embedded_host.conftest import DEMO, HERE, MIDDLE, SMALL, same_weights
from safetensors.torch import save_file
from sd_relight.embedded_host.host import EmbeddedHost

UNET = "mid_block_attentions_0_transformer_blocks_0_attn2_to_q"
LDM = "diffusion_model.middle_block.1.transformer_blocks.0.attn2.to_q.weight"
TEXT = "text_model_encoder_layers_0_self_attn_q_proj"


@pytest.fixture(scope="module")
def host(tmp_path_factory):
    models = tmp_path_factory.mktemp("models") / "demo"
    shutil.copytree(DEMO, models)
    (models / "Lora").mkdir()
    torch.manual_seed(1)
    layer = lambda name, n: {f"{name}.lora_up.weight": torch.randn(n, 4), f"{name}.lora_down.weight": torch.randn(4, n),  # noqa: E731
                             f"{name}.alpha": torch.tensor(2.0)}
    save_file({**layer(f"lora_unet_{UNET}", MIDDLE), **layer(f"lora_te_{TEXT}", 64)}, models / "Lora" / "kohya.safetensors")
    save_file({"unet.mid_block.attentions.0.transformer_blocks.0.attn2.to_q.lora_A.weight": torch.randn(4, MIDDLE),
               "unet.mid_block.attentions.0.transformer_blocks.0.attn2.to_q.lora_B.weight": torch.randn(MIDDLE, 4),
               "unet.nowhere.lora_A.weight": torch.randn(4, 64)}, models / "Lora" / "peft.safetensors")
    return EmbeddedHost(models, device="cpu", extensions=[HERE / "embedded_probe"], data_dir=models)


def test_on_and_off(host, weights, latents):
    plain = latents()
    with_lora = latents(prompt="a red ball<lora:kohya:0.7>")
    merged = host.merged_tensors
    assert not torch.equal(plain, with_lora)
    assert torch.equal(latents(prompt="a red ball<lora:kohya:0.7>"), with_lora) and host.merged_tensors == merged
    assert not torch.equal(latents(prompt="a red ball<lora:kohya:0.3>"), with_lora)
    assert torch.equal(latents(), plain) and same_weights(host.model.model, weights)


def test_formula(host, weights):
    from safetensors.torch import load_file

    lora = load_file(f"{host.model.filename.rsplit('/unet/', 1)[0]}/Lora/kohya.safetensors")
    host.txt2img(SMALL, prompt="x <lora:kohya:0.5>")
    up, down = (lora[f"lora_unet_{UNET}.lora_{part}.weight"] for part in ("up", "down"))
    expected = weights[LDM] + 0.5 * 2 / 4 * up @ down
    torch.testing.assert_close(host.model.model.state_dict()[LDM], expected, atol=1e-5, rtol=0)
    host.txt2img(SMALL)


def test_weights_of_unet_and_text_apart(host, latents):
    plain = latents()
    assert torch.equal(latents(prompt="a red ball<lora:kohya:te=0:unet=0>"), plain)
    assert not torch.equal(latents(prompt="a red ball<lora:kohya:1:0>"), plain)
    assert not torch.equal(latents(prompt="a red ball<lora:kohya:te=0:unet=1>"), plain)


def test_other_spelling_and_unknown_layers(host):
    result = host.txt2img(SMALL, prompt="x<lora:peft:1>")
    assert "peft.safetensors: 1 layers do not fit this checkpoint (first: unet.nowhere) and are left out." in result.comments


def test_missing_file(host):
    result = host.txt2img(SMALL, prompt="x<lora:nobody:1>")
    assert len(result.images) == 1 and "LoRA not found: nobody. Put nobody.safetensors into " in result.comments


def test_patches_of_a_script_come_on_top(host, probe, weights):
    def patch(p, *args, **kwargs):
        unet = p.sd_model.forge_objects.unet.clone()
        unet.add_patches(filename="plus one", patches={LDM: ("diff", (torch.ones(MIDDLE, MIDDLE),))})
        p.sd_model.forge_objects.unet = unet

    host.txt2img(SMALL, prompt="x<lora:kohya:0.5>")
    lora_only = host.model.model.state_dict()[LDM].clone()
    probe.actions["process_before_every_sampling"] = patch
    host.txt2img(SMALL, prompt="x<lora:kohya:0.5>")
    torch.testing.assert_close(host.model.model.state_dict()[LDM], lora_only + 1, atol=1e-5, rtol=0)
    probe.actions.clear()
    host.txt2img(SMALL)
    assert same_weights(host.model.model, weights)
