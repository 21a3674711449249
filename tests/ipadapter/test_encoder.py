"""Tests image encoders: detected by shapes in both layouts, equal to transformers, wrong ones rejected by name."""

import json
import weakref
from contextlib import nullcontext

import pytest
import torch
from ipadapter import ip_files as made
from ipadapter.encoder_shapes import SIZES, hf_shapes
from safetensors.torch import save_file
from sd_relight.lib_ipadapter.encode import encoder
from sd_relight.lib_ipadapter.errors import IpAdapterError
from sd_relight.lib_ipadapter.files.openclip import hf_names
from sd_relight.lib_ipadapter.files.variants import EncoderNeed
from transformers import CLIPVisionConfig, CLIPVisionModelWithProjection

NEEDS = {"H embeds": EncoderNeed("image_embeds", 1024, "H"), "H hidden": EncoderNeed("hidden", 1280, "H"),
         "G embeds": EncoderNeed("image_embeds", 1280, "bigG"), "G hidden": EncoderNeed("hidden", 1664, "bigG"),
         "L hidden": EncoderNeed("hidden", 1024, "L"), "L embeds": EncoderNeed("image_embeds", 768, "L")}


def openclip_state(state):
    """The same tower under OpenCLIP's names, written from OpenCLIP's module tree."""
    renamed = {"visual.proj": state["visual_projection.weight"].t().contiguous(),
               "visual.class_embedding": state["vision_model.embeddings.class_embedding"],
               "visual.positional_embedding": state["vision_model.embeddings.position_embedding.weight"],
               "visual.conv1.weight": state["vision_model.embeddings.patch_embedding.weight"],
               "logit_scale": torch.tensor(1.0), "transformer.resblocks.0.ln_1.weight": torch.ones(3)}
    for leaf in ("weight", "bias"):
        renamed[f"visual.ln_pre.{leaf}"] = state[f"vision_model.pre_layrnorm.{leaf}"]
        renamed[f"visual.ln_post.{leaf}"] = state[f"vision_model.post_layernorm.{leaf}"]
        for i in range(3):
            theirs, own = f"visual.transformer.resblocks.{i}", f"vision_model.encoder.layers.{i}"
            renamed[f"{theirs}.attn.in_proj_{leaf}"] = torch.cat([state[f"{own}.self_attn.{p}_proj.{leaf}"] for p in "qkv"])
            for a, b in (("attn.out_proj", "self_attn.out_proj"), ("ln_1", "layer_norm1"), ("ln_2", "layer_norm2"),
                         ("mlp.c_fc", "mlp.fc1"), ("mlp.c_proj", "mlp.fc2")):
                renamed[f"{theirs}.{a}.{leaf}"] = state[f"{own}.{b}.{leaf}"]
    return renamed


@pytest.fixture(scope="module")
def published(tmp_path_factory):
    folder = tmp_path_factory.mktemp("encoders")
    return {name: made.write_header(folder / f"{name}.safetensors", hf_shapes(*sizes)) for name, sizes in SIZES.items()}


@pytest.mark.parametrize("name", SIZES)
def test_published_shapes(published, name):
    info = encoder.inspect_encoder(published[name])
    assert (info.layers, info.hidden, info.mlp, info.projection, info.patch, info.tokens) == SIZES[name]
    assert info.heads == 16
    assert info.activation == ("quick_gelu" if name.startswith("L") else "gelu")
    assert info.image_size == (336 if name == "L336" else 224)
    assert info.name == {"H": "CLIP ViT-H", "bigG": "CLIP ViT-bigG", "L": "CLIP ViT-L", "L336": "CLIP ViT-L 336"}[name]


@pytest.mark.parametrize("need", NEEDS)
def test_the_right_one_is_found_among_all(published, need):
    """ViT-H's hidden width equals bigG's projection, and ViT-H's projection ViT-L's hidden width: no mix-up."""
    found = encoder.find_encoder(published.values(), NEEDS[need])
    assert found.path.stem == {"H": "H", "G": "bigG", "L": "L"}[need[0]]


def test_wrong_encoder_is_named(published):
    with pytest.raises(IpAdapterError) as caught:
        encoder.check_encoder(encoder.inspect_encoder(published["bigG"]), NEEDS["H hidden"], "ip-adapter-plus_sd15.safetensors")
    assert str(caught.value) == ("`bigG.safetensors` is CLIP ViT-bigG (width 1664), but `ip-adapter-plus_sd15.safetensors` needs "
                                 "CLIP ViT-H (hidden width 1280); choose that encoder.")


def test_missing_encoder_lists_the_found_ones(published):
    with pytest.raises(IpAdapterError) as caught:
        encoder.find_encoder([published["bigG"]], NEEDS["H embeds"], "ip-adapter_sd15.safetensors")
    assert str(caught.value) == ("`ip-adapter_sd15.safetensors` needs CLIP ViT-H (projection width 1024), but bigG.safetensors is "
                                 "CLIP ViT-bigG; put the right encoder into models/clip_vision.")
    with pytest.raises(IpAdapterError, match="but no image encoder was found; put the right encoder into models/clip_vision"):
        encoder.find_encoder([], NEEDS["H embeds"])


@pytest.mark.parametrize("name, content, sentence", [
    ("CLIP-ViT-H-14.safetensors", b"", "`CLIP-ViT-H-14.safetensors` is empty (0 bytes): its download did not finish; download it again."),
    ("clip_h.pth", b"<!DOCTYPE html>", "`clip_h.pth` is a web page (15 bytes), not weights: the link led to a page about the file; use the page's own download button."),
    ("clip_vision/model.safetensors", b"\0" * 7, "`model.safetensors` is truncated: it has 7 bytes and its header asks for at least 9; download it again."),
    ("image_encoder/model.safetensors", b"version https://git-lfs.github.com/spec/v1",
     "`model.safetensors` is a git-LFS pointer of 42 bytes, not the weights of an unknown number of bytes; run `git lfs pull` in "
     "its folder or download the file itself.")], ids=["empty", "web page", "cut", "pointer"])
def test_a_broken_encoder_is_named(tmp_path, published, name, content, sentence):
    """A download that failed (reForge 386) is not "no encoder"; another broken file is not blamed; a whole one beside it serves."""
    path, other = tmp_path / name, tmp_path / "control_depth.safetensors"
    path.parent.mkdir(exist_ok=True)
    path.write_bytes(content)
    other.write_bytes(b"")
    with pytest.raises(IpAdapterError) as caught:
        encoder.find_encoder([other, path, published["bigG"]], NEEDS["H embeds"], "ip-adapter_sd15.safetensors")
    assert str(caught.value) == f"`ip-adapter_sd15.safetensors` needs CLIP ViT-H (projection width 1024), but {sentence}"
    assert encoder.find_encoder([other, path, published["H"]], NEEDS["H embeds"]).path == published["H"]
    with pytest.raises(IpAdapterError, match="but no image encoder was found"):
        encoder.find_encoder([other], NEEDS["H embeds"])


def test_other_files_are_no_encoders(tmp_path):
    path = made.write_header(tmp_path / "x.safetensors", {"a": (2,)})
    with pytest.raises(IpAdapterError) as caught:
        encoder.inspect_encoder(path)
    assert str(caught.value) == ("`x.safetensors` is no CLIP image encoder; put one such as CLIP-ViT-H-14.safetensors into the "
                                 "clip_vision folder.")


@pytest.fixture(scope="module")
def tiny():
    torch.manual_seed(5)
    config = CLIPVisionConfig(hidden_size=64, intermediate_size=96, projection_dim=24, num_hidden_layers=3,
                              num_attention_heads=4, image_size=56, patch_size=14, hidden_act="gelu")
    model = CLIPVisionModelWithProjection(config).eval()
    return model, {key: value.detach() for key, value in model.state_dict().items() if not key.endswith("position_ids")}


def save_tiny(folder, state, config=None):
    path = folder / "model.safetensors"
    save_file({key: value.contiguous().clone() for key, value in state.items()}, path)
    if config is not None:
        (folder / "config.json").write_text(json.dumps(config))
    return path


CONFIG = {"hidden_size": 64, "num_attention_heads": 4, "hidden_act": "gelu"}


@pytest.mark.parametrize("layout", ["hf", "openclip"])
def test_equal_to_transformers(tmp_path, tiny, layout):
    model, state = tiny
    path = save_tiny(tmp_path, state if layout == "hf" else openclip_state(state), CONFIG)
    loaded = encoder.load_encoder(path)
    assert loaded.info.layout == layout
    pixels = torch.randn(3, 3, 56, 56)
    with torch.no_grad():
        expected = model(pixel_values=pixels, output_hidden_states=True)
    torch.testing.assert_close(loaded.encode(pixels, "image_embeds", batch=2), expected.image_embeds, atol=1e-6, rtol=1e-5)
    torch.testing.assert_close(loaded.encode(pixels, "hidden"), expected.hidden_states[-2], atol=1e-6, rtol=1e-5)


def test_torch_file(tmp_path, tiny):
    _, state = tiny
    torch.save(openclip_state(state), tmp_path / "clip.pth")
    assert encoder.inspect_encoder(tmp_path / "clip.pth").layout == "openclip"
    assert encoder.load_encoder(tmp_path / "clip.pth").encode(torch.zeros(1, 3, 56, 56), "image_embeds").shape == (1, 24)


def test_a_config_of_another_model_is_not_used(tmp_path, tiny):
    path = save_tiny(tmp_path, tiny[1], {**CONFIG, "hidden_size": 1280, "num_attention_heads": 7})
    assert encoder.inspect_encoder(path).heads == 1
    path = save_tiny(tmp_path, tiny[1], {"vision_config": CONFIG})
    assert encoder.inspect_encoder(path).heads == 4


@pytest.mark.parametrize("error", [None, MemoryError])
def test_the_weights_are_freed_after_use(tmp_path, tiny, error):
    """Also while a traceback still holds the encoder; nothing is copied from the device."""
    with pytest.raises(error) if error else nullcontext() as caught:
        with encoder.opened(save_tiny(tmp_path, tiny[1], CONFIG), "cpu", torch.float32) as one:
            one.encode(torch.zeros(1, 3, 56, 56), "image_embeds")
            weights = [weakref.ref(parameter) for parameter in one.model.parameters()]
            if error:
                raise error
    assert caught is None or caught.tb
    assert {tensor.device.type for tensor in (*one.model.parameters(), *one.model.buffers())} == {"meta"}
    assert not any(weight() is not None for weight in weights)


def test_images_of_the_wrong_size(tmp_path, tiny):
    loaded = encoder.load_encoder(save_tiny(tmp_path, tiny[1], CONFIG))
    with pytest.raises(IpAdapterError, match=r"is \(224, 224\); it must be 56 x 56"):
        loaded.encode(torch.zeros(1, 3, 224, 224), "hidden")


def test_missing_weights(tmp_path, tiny):
    state = {key: value for key, value in tiny[1].items() if "layers.1.mlp.fc1.bias" not in key}
    with pytest.raises(IpAdapterError) as caught:
        encoder.load_encoder(save_tiny(tmp_path, state, CONFIG))
    assert str(caught.value) == ("`model.safetensors` lacks `vision_model.encoder.layers.1.mlp.fc1.bias` (1 weights missing); "
                                 "download it again.")


def test_openclip_names_of_text_towers_are_left_out():
    assert hf_names("transformer.resblocks.0.ln_1.weight") == ()
    assert hf_names("visual.transformer.resblocks.7.mlp.c_fc.bias") == ("vision_model.encoder.layers.7.mlp.fc1.bias",)


def test_a_second_search_opens_no_file(tmp_path, monkeypatch):
    """A folder of ControlNets is searched for every job; a file that changes is looked at again."""
    good, other = tmp_path / "vision.safetensors", tmp_path / "other.safetensors"
    made.write_header(good, hf_shapes(1, 1280, 64, 1024, 14, 257))
    made.write_header(other, {"a.weight": (4, 4)})
    opened = []
    open_weights = encoder.open_weights
    monkeypatch.setattr(encoder, "open_weights", lambda path: opened.append(path.name) or open_weights(path))
    need = NEEDS["H embeds"]
    assert {encoder.find_encoder([good, other], need).path for _ in range(3)} == {good}
    assert sorted(opened) == ["other.safetensors", "vision.safetensors"]
    made.write_header(good, hf_shapes(2, 1280, 64, 1024, 14, 257))
    assert encoder.find_encoder([good, other], need).layers == 2
    assert len(opened) == 3
