"""`dev.py models check` on a folder with one file of every family, by the published shapes, and with each of them cut in half."""

import json
from functools import cache
from types import SimpleNamespace

import pytest
import torch
from diffusers import UNet2DConditionModel
from iclight.files import in_ldm
from ipadapter import ip_files as made
from ipadapter.encoder_shapes import SIZES, hf_shapes
from matting import tiny_onnx
from sd_relight.embedded_host.cli import models_command
from sd_relight.lib_ipadapter.files.families import BY_NAME
from sd_relight.lib_relight.matting.u2netp import U2NetP
from sd_relight.lib_relight.models.inspection import BASES

ENCODERS = {"H": "CLIP ViT-H", "bigG": "CLIP ViT-bigG", "L": "CLIP ViT-L", "L336": "CLIP ViT-L 336"}
SIGLIP = {"vision_model.embeddings.patch_embedding.weight": (1152, 3, 14, 14),
          "vision_model.embeddings.position_embedding.weight": (729, 1152), "vision_model.head.probe": (1, 1, 1152)}
LORA = {"lora_unet_down_blocks_0_attentions_0_transformer_blocks_0_attn1_to_q.lora_down.weight": (128, 320)}
ADAPTER = made.layer_shapes("sd15")
OTHERS = {
    # file: (shapes, kind of model, what it fits, why it cannot be used)
    "negative": ({"data": (1, 16, 2048)}, "negative tokens", "IP-Adapter", ""),
    "siglip": (SIGLIP, "unsupported image encoder", "", "is no CLIP image encoder"),
    "faceid_lora": (LORA, "LoRA", "", ""),
    "kolors": (made.flat(made.resampler(1024, 2048, 2048, 32), made.layer_shapes("sdxl")), "unsupported IP-Adapter", "",
               "is for Kolors, which WebUI hosts do not run"),
    "instantid": (made.flat(made.resampler(512, 1280, 2048, 20), made.layer_shapes("sdxl")), "unsupported IP-Adapter", "",
                  "is InstantID, which also needs its own ControlNet"),
    "pulid": (made.flat({"body.0.weight": (2, 2), "mapping_0.0.weight": (2, 2)}, ADAPTER), "unsupported IP-Adapter", "", "is PuLID"),
    "controlnet": ({"control_model.input_blocks.0.0.weight": (320, 4, 3, 3)}, "ControlNet", "", ""),
    "vae": ({"encoder.conv_in.weight": (128, 3, 3, 3)}, "VAE", "", ""),
    "text": ({"text_model.embeddings.token_embedding.weight": (49408, 768)}, "text encoder", "", ""),
    "unknown": ({"layer.weight": (4, 4)}, "other weights", "", ""),
}
ONNX = {
    # file: (content, kind of model, what it fits)
    "free_detector": (tiny_onnx.scrfd("side"), "face detector SCRFD", "FaceID and crop: face"),
    "fixed_detector": (tiny_onnx.scrfd(640), "face detector SCRFD", "FaceID and crop: face"),
    "no_landmarks": (tiny_onnx.scrfd(640, landmarks=False), "ONNX model", ""),
    "recogniser": (tiny_onnx.arcface("Add"), "face recogniser other than w600k_r50", ""),
    "age": (tiny_onnx.model([], [1, 3, 96, 96], [1, 3]), "ONNX model", ""),
    "side_320": (tiny_onnx.many_outputs([], [1, 3, 320, 320], {f"d{i}": [1, 1, 320, 320] for i in range(7)}), "matting model",
                 "u2net_custom"),
    "side_1024": (tiny_onnx.model([], [1, 3, 1024, 1024], [1, 1, 1024, 1024]), "matting model", "dis_custom"),
    "BiRefNet-lite": (tiny_onnx.model([], [1, 3, 1024, 1024], [1, 1, 1024, 1024]), "matting model", "birefnet-general"),
    "bria-rmbg": (tiny_onnx.model([], [1, 3, 1024, 1024], [1, 1, 1024, 1024]), "matting model", "bria-rmbg"),
}


@cache
def unet_shapes(channels):
    with torch.device("meta"):
        state = UNet2DConditionModel(in_channels=channels, cross_attention_dim=768).state_dict()
    return {key: tuple(tensor.shape) for key, tensor in state.items()}


def write_all(folder):
    """Write one file of every family; return {file: (kind, what it fits, part of the message)}."""
    expected = {}

    def add(name, shapes, *facts):
        made.write_header(folder / f"{name}.safetensors", shapes)
        expected[f"{name}.safetensors"] = facts

    for kind, channels in (("fc", 8), ("fcon", 8), ("fbc", 12)):
        add(f"iclight_{kind}", unet_shapes(channels), f"IC-Light {kind}", "SD 1.5", "")
        add(f"iclight_{kind}_ldm", in_ldm(unet_shapes(channels)), f"IC-Light {kind}", "SD 1.5", "")
    add("unet", unet_shapes(4), "checkpoint", "SD 1.5", "")
    for stem, (family, base, *_) in made.PUBLISHED.items():
        made.write_published(folder, stem)
        expected[f"{stem}.safetensors"] = f"IP-Adapter {BY_NAME[family].title}", BASES[base], ""
    for name, sizes in SIZES.items():
        add(name, hf_shapes(*sizes), f"image encoder {ENCODERS[name]}", "IP-Adapter", "")
    add("u2netp", {key: tuple(tensor.shape) for key, tensor in U2NetP().state_dict().items()}, "matting model U²-Net-p", "any subject", "")
    for name, (shapes, *facts) in OTHERS.items():
        add(name, shapes, *facts)
    for name, (content, *facts) in ONNX.items():
        (folder / f"{name}.onnx").write_bytes(content)
        expected[f"{name}.onnx"] = *facts, ""
    return expected


def check(folder, capsys):
    """Return (exit code, {file: report}) of `models check FOLDER --json`."""
    code = models_command.run(SimpleNamespace(action="check", dir=folder, json=True))
    return code, {report["path"].rsplit("/", 1)[-1]: report for report in json.loads(capsys.readouterr().out)}


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    folder = tmp_path_factory.mktemp("families")
    return folder, write_all(folder)


def test_every_family_is_named(folder, capsys):
    folder, expected = folder
    code, reports = check(folder, capsys)
    assert code == 0 and set(reports) == set(expected)
    named = {name: (report["what"], report["fits"]) for name, report in reports.items()}
    assert named == {name: facts[:2] for name, facts in expected.items()}
    assert [name for name, (*_, reason) in expected.items() if reason not in reports[name]["message"]] == []
    assert {report["whole"] for report in reports.values()} == {None}


@pytest.mark.parametrize("half, reason", [
    ({f"image_proj.{key}": shape for key, shape in made.base_proj(1024, 768).items()}, "has no `ip_adapter` part, only half"),
    ({f"ip_adapter.{key}": shape for key, shape in ADAPTER.items()}, "has no `image_proj` part, only half"),
    (made.flat(made.base_proj(1024, 768), {key: shape for key, shape in ADAPTER.items() if key != "1.to_v_ip.weight"}),
     "has `ip_adapter.1.to_k_ip.weight` but not"),
    (None, "lacks 114 of the 686 weights"),
])
def test_files_that_lack_weights_are_broken(tmp_path, capsys, half, reason):
    half = half or {key: shape for key, shape in unet_shapes(8).items() if not key.startswith("up_blocks.3")}
    made.write_header(tmp_path / "half.safetensors", half)
    code, reports = check(tmp_path, capsys)
    assert code == 1 and reports["half.safetensors"]["whole"] is False and reason in reports["half.safetensors"]["message"]


def test_truncated_files_are_broken(folder, tmp_path, capsys):
    folder, expected = folder
    for path in folder.iterdir():
        target = tmp_path / path.name
        target.write_bytes(path.read_bytes()[: path.stat().st_size // 2] if path.suffix == ".onnx" else read_start(path))
    code, reports = check(tmp_path, capsys)
    assert code == 1 and set(reports) == set(expected)
    assert [name for name, report in reports.items() if report["whole"] is not False] == []


def read_start(path):
    """The first half of a weight file, at most a megabyte: its header is whole, its data are not."""
    with path.open("rb") as file:
        return file.read(min(path.stat().st_size - 8, 2**20))
