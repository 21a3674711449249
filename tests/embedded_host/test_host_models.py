"""Loading: an LDM file gives the same network as the diffusers folder; every wrong folder has its sentence."""

import shutil

import pytest
import torch
from diffusers import AutoencoderKL, UNet2DConditionModel
from embedded_host.conftest import DEMO, SMALL
from safetensors.torch import save_file
from sd_relight.embedded_host.checkpoints import keymaps
from sd_relight.embedded_host.errors import HostError
from sd_relight.embedded_host.host import EmbeddedHost
from sd_relight.lib_iclight.keymap import unet_key_map
from transformers import CLIPTextConfig, CLIPTextModel, CLIPTokenizer

VAE_NAMES = {  # LDM name -> diffusers name, from the two published SD1.5 checkpoints
    "encoder.conv_in.weight": "encoder.conv_in.weight",
    "encoder.down.1.block.0.nin_shortcut.bias": "encoder.down_blocks.1.resnets.0.conv_shortcut.bias",
    "encoder.down.2.downsample.conv.weight": "encoder.down_blocks.2.downsamplers.0.conv.weight",
    "encoder.mid.attn_1.q.weight": "encoder.mid_block.attentions.0.to_q.weight",
    "encoder.norm_out.bias": "encoder.conv_norm_out.bias",
    "decoder.mid.block_2.norm1.weight": "decoder.mid_block.resnets.1.norm1.weight",
    "decoder.mid.attn_1.proj_out.bias": "decoder.mid_block.attentions.0.to_out.0.bias",
    "decoder.mid.attn_1.norm.bias": "decoder.mid_block.attentions.0.group_norm.bias",
    "decoder.up.3.block.2.conv1.weight": "decoder.up_blocks.0.resnets.2.conv1.weight",
    "decoder.up.1.upsample.conv.bias": "decoder.up_blocks.2.upsamplers.0.conv.bias",
    "decoder.conv_out.weight": "decoder.conv_out.weight",
    "quant_conv.weight": "quant_conv.weight", "post_quant_conv.bias": "post_quant_conv.bias",
}


def test_vae_names():
    assert keymaps.vae_key_map([*VAE_NAMES, "loss.logvar", "decoder.up.3.block.0.norm1.bias"]) == {
        **VAE_NAMES, "decoder.up.3.block.0.norm1.bias": "decoder.up_blocks.0.resnets.0.norm1.bias"}


@pytest.fixture(scope="module")
def parts():
    """A random network of SD1.5's layout, narrow, with 32 norm groups as SD1.5 has."""
    torch.manual_seed(0)
    unet = UNet2DConditionModel(block_out_channels=(32, 64, 64, 64), cross_attention_dim=64, attention_head_dim=8)
    vae = AutoencoderKL(block_out_channels=(32, 32, 64, 64), layers_per_block=2, latent_channels=4,
                        down_block_types=["DownEncoderBlock2D"] * 4, up_block_types=["UpDecoderBlock2D"] * 4)
    tokenizer = CLIPTokenizer.from_pretrained(DEMO / "tokenizer")
    text = CLIPTextModel(CLIPTextConfig(
        vocab_size=len(tokenizer), hidden_size=64, intermediate_size=128, num_hidden_layers=2, num_attention_heads=1,
        bos_token_id=tokenizer.bos_token_id, eos_token_id=tokenizer.eos_token_id, pad_token_id=tokenizer.pad_token_id,
        hidden_act="quick_gelu", max_position_embeddings=77))
    return unet, vae, text


@pytest.fixture(scope="module")
def ldm_state(parts):
    unet, vae, text = parts
    names = unet_key_map()
    state = {f"model.diffusion_model.{names[key]}": value for key, value in unet.state_dict().items()}
    state.update({f"first_stage_model.{ldm_vae_name(key)}": value[..., None, None] if is_attention(key, value) else value
                  for key, value in vae.state_dict().items()})
    state.update({f"cond_stage_model.transformer.{key}": value for key, value in text.state_dict().items()})
    state["model_ema.decay"] = torch.ones(1)
    state["cond_stage_model.transformer.text_model.embeddings.position_ids"] = torch.arange(77)[None]
    return {key: value.clone().contiguous() for key, value in state.items()}


def is_attention(key, value):
    return ".attentions." in key and value.ndim == 2


def ldm_vae_name(name):
    """The inverse of the map under test, found by searching LDM's own names."""
    sides = {"encoder": ("down", 4, 2), "decoder": ("up", 4, 3)}
    candidates = ["quant_conv", "post_quant_conv"]
    for side, (way, levels, blocks) in sides.items():
        inner = [f"{way}.{i}.block.{j}.{x}" for i in range(levels) for j in range(blocks)
                 for x in ("norm1", "conv1", "norm2", "conv2", "nin_shortcut")]
        inner += [f"{way}.{i}.{'downsample' if way == 'down' else 'upsample'}.conv" for i in range(levels)]
        inner += [f"mid.block_{i}.{x}" for i in (1, 2) for x in ("norm1", "conv1", "norm2", "conv2")]
        inner += [f"mid.attn_1.{x}" for x in ("norm", "q", "k", "v", "proj_out")] + ["conv_in", "conv_out", "norm_out"]
        candidates += [f"{side}.{x}" for x in inner]
    keys = [f"{x}.{kind}" for x in candidates for kind in ("weight", "bias")]
    return next(ldm for ldm, new in keymaps.vae_key_map(keys).items() if new == name)


@pytest.fixture
def folder(tmp_path):
    shutil.copytree(DEMO / "tokenizer", tmp_path / "tokenizer")
    return tmp_path


def test_single_file_holds_the_same_networks(parts, ldm_state, folder):
    save_file(ldm_state, folder / "tiny.safetensors")
    host = EmbeddedHost(folder, device="cpu", extensions=[], data_dir=folder)
    objects = host.model.forge_objects_original
    for ours, given in zip((objects.unet.model.diffusion_model.network, objects.clip.cond_stage_model.transformer), parts[::2]):
        assert all(torch.equal(value, given.state_dict()[key]) for key, value in ours.state_dict().items())
    stage, vae = objects.vae.first_stage_model, parts[1]
    pixels = torch.rand(1, 3, 32, 32)
    with torch.no_grad():
        assert torch.equal(stage.encode(pixels, lambda x: x.mode()), vae.encode(pixels).latent_dist.mode())
        assert torch.equal(stage.decode(torch.ones(1, 4, 4, 4)), vae.decode(torch.ones(1, 4, 4, 4)).sample)
    result = host.txt2img(SMALL)
    assert "Model: tiny," in result.info and len(result.images) == 1


def assert_rejected(folder, match):
    with pytest.raises(HostError, match=match):
        EmbeddedHost(folder, device="cpu", extensions=[], data_dir=folder)


def test_empty_folder(tmp_path):
    assert_rejected(tmp_path, "no checkpoint here. Put a diffusers folder")


def test_missing_part(ldm_state, folder):
    save_file({key: value for key, value in ldm_state.items() if "decoder.conv_out" not in key}, folder / "x.safetensors")
    assert_rejected(folder, r"the VAE is not SD 1.5's \(2 tensors missing, 0 too many, first: decoder.conv_out")


def test_other_family(ldm_state, folder):
    save_file({"model.diffusion_model.input_blocks.0.0.weight": torch.ones(8, 4, 3, 3)}, folder / "x.safetensors")
    assert_rejected(folder, "this checkpoint's UNet is not SD 1.5's")


def test_unet_without_the_rest(ldm_state, folder):
    save_file({key: value for key, value in ldm_state.items() if key.startswith("model.")}, folder / "x.safetensors")
    assert_rejected(folder, r"no VAE in this file. Use a whole SD 1.5 checkpoint \(UNet, VAE and text encoder\).")


def test_sd2_projections_are_linear(ldm_state, folder):
    changed = {key: value[:, :, 0, 0] if key.endswith("proj_in.weight") else value for key, value in ldm_state.items()}
    save_file({key: value.contiguous() for key, value in changed.items()}, folder / "x.safetensors")
    assert_rejected(folder, r"the UNet is not SD 1.5's \(`down_blocks.0.attentions.0.proj_in.weight` is \[32, 32\], expected \[32, 32, 1, 1\]")


def test_broken_file(folder):
    (folder / "x.safetensors").write_bytes(b"not this")
    assert_rejected(folder, "not a readable .safetensors file")


def test_no_tokenizer(ldm_state, tmp_path, monkeypatch):
    from sd_relight.embedded_host.checkpoints import clip_vocabulary

    monkeypatch.setattr(clip_vocabulary, "clip_tokenizer", lambda: None)  # as where open_clip is not installed
    save_file(ldm_state, tmp_path / "x.safetensors")
    assert_rejected(tmp_path, "Put vocab.json and merges.txt of openai/clip-vit-large-patch14 into")


def test_unet_without_weights(tmp_path):
    shutil.copytree(DEMO / "unet", tmp_path / "unet", ignore=shutil.ignore_patterns("*.safetensors"))
    assert_rejected(tmp_path, "Only .safetensors are read.")


def test_another_host_in_the_process(monkeypatch):
    import sys
    import types

    from sd_relight.embedded_host.install import install_modules

    stranger = types.ModuleType("modules")
    stranger.__file__ = "/opt/webui/modules/__init__.py"
    monkeypatch.setitem(sys.modules, "modules", stranger)
    with pytest.raises(RuntimeError, match="The package `modules` is already imported from /opt/webui/modules"):
        install_modules(DEMO)
