"""Tests IC-Light weight files: detection, validation errors, loading and cache identity."""

import os

import pytest
import torch
from iclight.files import in_ldm, random_offsets, tiny_shapes, write, write_header
from sd_relight.lib_common.errors import UserError
from sd_relight.lib_common.weight_file import WeightFile, read_header
from sd_relight.lib_iclight import weights
from sd_relight.lib_iclight.keymap import unet_key_map
from sd_relight.lib_iclight.weights import checkpoint_family, inspect_file, load_offsets, offset_identity

K2 = "down_blocks.0.attentions.0.transformer_blocks.0.attn2.to_k.weight"


def iclight_shapes(channels=8, context=None, ldm=True, prefix=""):
    """{key: shape} of a tiny IC-Light file, with another cross-attention width if asked."""
    shapes = dict(tiny_shapes(channels))
    for key, shape in shapes.items():
        if context and ("attn2.to_k" in key or "attn2.to_v" in key):
            shapes[key] = (shape[0], context)
    return {prefix + unet_key_map()[key] if ldm else prefix + key: shape for key, shape in shapes.items()}


@pytest.mark.parametrize("channels, kind", [(8, "fc"), (12, "fbc")])
@pytest.mark.parametrize("prefix", ["", "unet.", "diffusion_model.", "model.diffusion_model."])
@pytest.mark.parametrize("ldm", [True, False])
def test_recognised_by_content_in_both_layouts(tmp_path, channels, kind, prefix, ldm):
    info = inspect_file(write_header(tmp_path / "some.safetensors", iclight_shapes(channels, None, ldm, prefix)))
    layout = "ldm" if ldm else "diffusers"
    assert (info.kind, info.channels, info.layout, info.keys) == (kind, channels, layout, 686)
    assert (info.dtype, info.width, info.context, info.prefix) == ("float16", 8, 16, prefix)


@pytest.mark.parametrize("name, kind", [("iclight_sd15_fcon.safetensors", "fcon"), ("x-FCON-ldm.safetensors", "fcon"),
                                        ("iclight_sd15_fc.safetensors", "fc"), ("falcon.safetensors", "fc"),
                                        ("fbc.safetensors", "fc")])
def test_fc_and_fcon_are_told_apart_by_name_only(tmp_path, name, kind):
    path = write_header(tmp_path / name, iclight_shapes())
    assert inspect_file(path).kind == kind
    assert inspect_file(path, kind="auto").kind == kind
    assert inspect_file(path, kind="fc").kind == "fc"
    assert inspect_file(path, kind="fcon").kind == "fcon"


def test_the_folder_does_not_name_the_kind(tmp_path):
    (tmp_path / "fcon").mkdir()
    assert inspect_file(write_header(tmp_path / "fcon" / "a.safetensors", iclight_shapes())).kind == "fc"


def test_a_chosen_kind_must_fit_the_channels(tmp_path):
    path = write_header(tmp_path / "a.safetensors", iclight_shapes(8))
    with pytest.raises(UserError, match="`a.safetensors` takes 8 input channels, which makes it fc or fcon, not fbc"):
        inspect_file(path, kind="fbc")
    path = write_header(tmp_path / "b.safetensors", iclight_shapes(12))
    with pytest.raises(UserError, match="`b.safetensors` takes 12 input channels, which makes it fbc, not fcon"):
        inspect_file(path, kind="fcon")


@pytest.mark.parametrize("name", ["a.safetensors", "a.bin", "a.pt", "a.pth", "a.ckpt"])
@pytest.mark.parametrize("ldm", [True, False])
def test_offsets_come_in_ldm_names_from_every_file(tmp_path, name, ldm):
    offsets = random_offsets(8)
    path = write(tmp_path / name, in_ldm(offsets, "model.diffusion_model.") if ldm else offsets)
    loaded = load_offsets(path, dtype=torch.float32)
    assert loaded.keys() == in_ldm(offsets).keys()
    for key, tensor in in_ldm(offsets).items():
        assert torch.equal(loaded[key], tensor), key


@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16, torch.float32, torch.float8_e4m3fn, torch.float8_e5m2])
@pytest.mark.parametrize("name", ["a.safetensors", "a.pt"])
def test_every_storage_type_becomes_half_or_single(tmp_path, dtype, name):
    stored = random_offsets(12, dtype=dtype)
    path = write(tmp_path / name, stored)
    assert inspect_file(path).dtype == str(dtype).removeprefix("torch.")
    for wanted in (torch.float16, torch.float32):
        loaded = load_offsets(path, dtype=wanted)
        for key, tensor in in_ldm(stored).items():
            assert loaded[key].dtype == wanted and loaded[key].device.type == "cpu"
            assert torch.equal(loaded[key], tensor.to(wanted)), key


def test_an_old_torch_file_loads(tmp_path):
    offsets = random_offsets(8, dtype=torch.float16)
    torch.save(offsets, tmp_path / "old.pth", _use_new_zipfile_serialization=False)
    loaded = load_offsets(tmp_path / "old.pth")
    assert torch.equal(loaded["input_blocks.0.0.weight"], offsets["conv_in.weight"]) and len(loaded) == 686


def mapped_bytes(path):
    """Bytes of this file mapped into our process, by the kernel's own list."""
    total = 0
    with open("/proc/self/maps") as file:
        for line in file:
            if line.rstrip().endswith(str(path)):
                low, high = (int(side, 16) for side in line.split()[0].split("-"))
                total += high - low
    return total


@pytest.mark.skipif(not os.path.exists("/proc/self/maps"), reason="needs Linux's list of mapped files")
@pytest.mark.parametrize("name", ["a.safetensors", "a.pt"])
def test_no_file_stays_mapped(tmp_path, name):
    path = write(tmp_path / name, random_offsets(8, dtype=torch.float16))
    loaded = load_offsets(path)
    assert len(loaded) == 686 and mapped_bytes(path) == 0


def test_nothing_but_the_header_is_read_to_inspect(tmp_path, monkeypatch):
    monkeypatch.setattr(WeightFile, "read", lambda *args: pytest.fail("tensors were read"))
    full = {key: tuple(side * 40 if side in (8, 16, 24, 32) else side for side in shape)
            for key, shape in iclight_shapes().items()}
    info = inspect_file(write_header(tmp_path / "full.safetensors", full | {"input_blocks.0.0.weight": (320, 8, 3, 3)}))
    assert info.width == 320


def expect_error(path, sentence):
    with pytest.raises(UserError, match=sentence) as caught:
        inspect_file(path)
    assert path.name in str(caught.value)


OTHERS = {
    "lora": ({"lora_unet_down_blocks_0_attentions_0_proj_in.lora_down.weight": (4, 8)}, "is a LoRA, not IC-Light weights"),
    "peft": ({"unet.mid_block.attentions.0.to_q.lora_A.weight": (4, 8)}, "is a LoRA, not IC-Light weights"),
    "ip": ({"image_proj.proj.weight": (4, 8), "ip_adapter.1.to_k_ip.weight": (8, 8)}, "is an IP-Adapter, not IC-Light"),
    "faceid": ({"image_proj.proj.weight": (4, 8), "ip_adapter.0.to_q_lora.down.weight": (8, 8)}, "is an IP-Adapter"),
    "vae": ({"encoder.conv_in.weight": (8, 3, 3, 3), "decoder.conv_in.weight": (8, 4, 3, 3)}, "is a VAE, not IC-Light"),
    "vae2": ({"first_stage_model.encoder.conv_in.weight": (8, 3, 3, 3)}, "is a VAE, not IC-Light"),
    "text": ({"text_model.encoder.layers.0.mlp.fc1.weight": (8, 8)}, "is a text encoder, not IC-Light"),
    "vision": ({"vision_model.encoder.layers.0.mlp.fc1.weight": (8, 8)}, "is an image encoder, not IC-Light"),
    "flux": ({"double_blocks.0.img_attn.qkv.weight": (8, 8)}, "is a Flux or SD3 model, not IC-Light"),
    "embedding": ({"emb_params": (2, 768)}, "is a textual inversion embedding, not IC-Light"),
    "other": ({"zebra": (2,), "ape": (1,)}, "is not a UNet: 2 tensors, the first `ape`"),
    "nothing": ({}, "is not a UNet: 0 tensors, the first `none`"),
}


@pytest.mark.parametrize("case", OTHERS)
def test_other_models_are_named(tmp_path, case):
    shapes, sentence = OTHERS[case]
    expect_error(write_header(tmp_path / "file.safetensors", shapes), f"`file.safetensors` {sentence}")


def test_controlnets_in_both_layouts(tmp_path):
    shapes = {f"control_model.{key}": shape for key, shape in iclight_shapes(4).items()}
    expect_error(write_header(tmp_path / "a.safetensors", shapes), "is a ControlNet, not IC-Light weights")
    shapes = tiny_shapes(4) | {"controlnet_cond_embedding.conv_in.weight": (16, 3, 3, 3)}
    expect_error(write_header(tmp_path / "b.safetensors", shapes), "is a ControlNet, not IC-Light weights")


def checkpoint_shapes(channels=4, context=None):
    rest = {"first_stage_model.encoder.conv_in.weight": (8, 3, 3, 3), "cond_stage_model.transformer.x.weight": (8, 8)}
    return iclight_shapes(channels, context, prefix="model.diffusion_model.") | rest


@pytest.mark.parametrize("channels", [4, 8, 9])
def test_full_checkpoint(tmp_path, channels):
    expect_error(write_header(tmp_path / "model.safetensors", checkpoint_shapes(channels)),
            "is a full checkpoint with its own VAE or text encoder, not IC-Light weights; choose it as the host's")


@pytest.mark.parametrize("part", ["first_stage_model.x", "cond_stage_model.x", "conditioner.x", "model_ema.x"])
def test_one_other_part_makes_a_checkpoint(tmp_path, part):
    shapes = iclight_shapes(8, prefix="model.diffusion_model.") | {part: (1,)}
    expect_error(write_header(tmp_path / "model.safetensors", shapes), "is a full checkpoint")


@pytest.mark.parametrize("channels, sentence", [
    (4, "is a plain UNet with 4 input channels; IC-Light fc and fcon take 8 and fbc takes 12"),
    (9, "is an inpainting UNet with 9 input channels; IC-Light fc and fcon take 8 and fbc takes 12"),
    (5, "takes 5 input channels; IC-Light fc and fcon take 8 and fbc takes 12")])
@pytest.mark.parametrize("ldm", [True, False])
def test_other_input_channels(tmp_path, channels, sentence, ldm):
    expect_error(write_header(tmp_path / "u.safetensors", iclight_shapes(channels, ldm=ldm)), sentence)


def test_sdxl_and_sd2(tmp_path):
    shapes = iclight_shapes(8)
    expect_error(write_header(tmp_path / "a.safetensors", shapes | {"label_emb.0.0.weight": (8, 8)}), "is made for SDXL; IC-Light exists for SD 1.5 only")
    expect_error(write_header(tmp_path / "b.safetensors", tiny_shapes(4) | {"add_embedding.linear_1.weight": (8, 8)}), "is made for SDXL")
    expect_error(write_header(tmp_path / "c.safetensors", iclight_shapes(4, 2048)), "is made for SDXL")
    expect_error(write_header(tmp_path / "d.safetensors", iclight_shapes(8, 1024)), r"is made for SD 2 \(cross-attention width 1024\)")


def test_missing_and_unexpected_keys_are_counted(tmp_path):
    shapes = iclight_shapes(8)
    less = {key: shape for key, shape in shapes.items() if not key.startswith("middle_block.1.")}
    gone = len(shapes) - len(less)
    expect_error(write_header(tmp_path / "a.safetensors", less),
            rf"lacks {gone} of the 686 weights of an SD 1.5 UNet \(first: middle_block.1.norm.bias\)")
    more = shapes | {"input_blocks.1.2.weight": (1,), "zzz": (1,)}
    expect_error(write_header(tmp_path / "b.safetensors", more),
            r"has 2 weights that an SD 1.5 UNet does not have \(first: input_blocks.1.2.weight\)")


def test_a_needed_skip_connection_is_missed_and_an_idle_one_is_not(tmp_path):
    skip = ("input_blocks.7.0.skip_connection.weight", "input_blocks.7.0.skip_connection.bias")
    shapes = {key: shape for key, shape in iclight_shapes(8).items() if key not in skip}
    expect_error(write_header(tmp_path / "a.safetensors", shapes), "lacks 2 of the 686 weights")
    shapes["input_blocks.7.0.in_layers.2.weight"] = (24, 24, 3, 3)
    assert inspect_file(write_header(tmp_path / "b.safetensors", shapes)).keys == 684


@pytest.mark.parametrize("key, shape", [
    ("time_embed.0.weight", (64, 16)), ("out.2.weight", (3, 8, 3, 3)), ("input_blocks.0.0.weight", (8, 8, 1, 1)),
    ("middle_block.1.transformer_blocks.0.attn2.to_v.weight", (24, 48)), ("input_blocks.0.0.bias", (9,))])
def test_widths_that_do_not_belong_together(tmp_path, key, shape):
    sentence = f"does not have the widths of an SD 1.5 UNet: {key} is {list(shape)} instead of".replace("[", r"\[")
    expect_error(write_header(tmp_path / "a.safetensors", iclight_shapes(8) | {key: shape}), sentence)


def test_integer_weights(tmp_path):
    expect_error(write_header(tmp_path / "a.safetensors", iclight_shapes(8), "I8"), "stores weights as int8, which cannot be added")


def test_file_errors_pass_through(tmp_path):
    (tmp_path / "page.safetensors").write_text("<html>")
    expect_error(tmp_path / "page.safetensors", "is a web page")
    expect_error(tmp_path / "gone.safetensors", "was not found")
    with pytest.raises(UserError, match="was not found"):
        load_offsets(tmp_path / "gone.safetensors")


def test_a_torch_file_with_other_objects_loads_only_its_tensors(tmp_path):
    state = random_offsets(8, dtype=torch.float16)
    torch.save(state | {"extra": pytest.raises}, tmp_path / "a.pt")
    assert inspect_file(tmp_path / "a.pt").kind == "fc"
    assert torch.equal(load_offsets(tmp_path / "a.pt")[weights.CONV_IN], state["conv_in.weight"])


def test_identity_names_content_path_and_kind(tmp_path):
    path = tmp_path / "a.safetensors"
    path.write_bytes(b"one")
    os.utime(path, ns=(10**18, 10**18))
    first = offset_identity(path, "fc")
    assert first == offset_identity(path, "fc") and len(first) == 16
    assert offset_identity(path, "fcon") != first
    (tmp_path / "link.safetensors").symlink_to(path)
    assert offset_identity(tmp_path / "link.safetensors", "fc") == first
    os.utime(path, ns=(10**18, 10**18 + 1))
    later = offset_identity(path, "fc")
    assert later != first
    path.write_bytes(b"three")
    os.utime(path, ns=(10**18, 10**18))
    assert offset_identity(path, "fc") not in (first, later)
    with pytest.raises(UserError, match="`gone.safetensors` was not found"):
        offset_identity(tmp_path / "gone.safetensors", "fc")


@pytest.mark.parametrize("family, shapes", [
    ("sd15", checkpoint_shapes()), ("sd15", checkpoint_shapes(9)), ("sd15", checkpoint_shapes(context=768)),
    ("sd15", checkpoint_shapes(8)), ("sd15", iclight_shapes(4)), ("sd2", checkpoint_shapes(context=1024)),
    ("sdxl", checkpoint_shapes(context=2048)), ("iclight", iclight_shapes(8)), ("iclight", iclight_shapes(12, ldm=False)),
    ("sdxl", checkpoint_shapes(context=1280) | {"model.diffusion_model.label_emb.0.0.weight": (8, 8)}),
    ("unknown", OTHERS["lora"][0]), ("unknown", OTHERS["flux"][0]), ("unknown", OTHERS["vae"][0])])
def test_checkpoint_families(tmp_path, family, shapes):
    assert checkpoint_family(read_header(write_header(tmp_path / "m.safetensors", shapes))) == family
