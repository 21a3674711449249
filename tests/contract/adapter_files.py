"""IP-Adapter files with random weights, and an image encoder for them, laid where the running host finds them.

For the embedded host they have the widths of the demo models; for a WebUI the published ones of SD 1.5, the encoder
with the widths of ViT-H and two layers in place of 32.
"""

from __future__ import annotations

import json
import math
import struct
from dataclasses import dataclass
from pathlib import Path

import torch
from ipadapter import ip_files as made
from safetensors.torch import save_file

BASE, PLUS = "relight_contract_ip_base", "relight_contract_ip_plus"
LORA_FILE, SDXL, OTHER_ENCODER, FACE = ("relight_contract_ip_lora", "relight_contract_ip_sdxl", "relight_contract_ip_bigg",
                                        "relight_contract_ip_face")
WEB_PAGE, POINTER, HALF, CUT = ("relight_contract_ip_web_page", "relight_contract_ip_pointer", "relight_contract_ip_half",
                                "relight_contract_ip_cut")
FACE_LORA, FACE_PLUS, PORTRAIT, FULL = ("relight_contract_ip_face_lora", "relight_contract_ip_face_plus",
                                        "relight_contract_ip_portrait", "relight_contract_ip_full")
SDXL_BASE, SDXL_PLUS, SDXL_FACE = "relight_contract_xl_base", "relight_contract_xl_plus", "relight_contract_xl_face"
ENCODER_LAYERS = 2


@dataclass(frozen=True)
class Widths:
    """layers: inner width of every cross-attention layer.  cross: of the text.  projected, hidden: of the encoder."""

    layers: tuple[int, ...]
    cross: int
    projected: int
    hidden: int
    other: int


DEMO = Widths((32, 32, 64, 64, *[72] * 5, 64, 64, 64, 32, 32, 32, 72), 64, 64, 64, 96)
SD15 = Widths(tuple(made.channels("sd15")), 768, 1024, 1280, 1280)


def lay_adapters(client) -> None:
    """Once per host: into its models/ipadapter, or where --relight-models-dir of a WebUI points."""
    embedded = client.name == "embedded"
    folder = client.process.folder / ("models/ipadapter" if embedded else "broken")
    if not (folder / f"{BASE}.safetensors").exists():
        write_adapters(folder, embedded)


def attention_layers(widths: Widths) -> dict[str, tuple]:
    return {f"{2 * num + 1}.to_{part}_ip.weight": (width, widths.cross)
            for num, width in enumerate(widths.layers) for part in "kv"}


def write_base(folder: Path, widths: Widths) -> None:
    save(folder, BASE, made.flat(made.base_proj(widths.projected, widths.cross), attention_layers(widths)), 1)


def write_encoder(folder: Path) -> None:
    """That of a WebUI's adapters."""
    save(folder, "relight_contract_ip_encoder", encoder_shapes(), 8)


def write_adapters(folder: Path, embedded: bool) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    widths = DEMO if embedded else SD15
    layers = attention_layers(widths)
    dim = widths.cross
    plus = made.resampler(widths.hidden, dim, dim, dim // 64)
    write_base(folder, widths)
    save(folder, PLUS, made.flat(plus, layers), 2)
    save(folder, FACE, made.flat(made.face_proj(widths.cross), layers), 3)
    lora = lora_shapes(widths)
    save(folder, FACE_LORA, made.flat(made.face_proj(widths.cross), {**layers, **lora}), 3)
    save(folder, FACE_PLUS, made.flat(made.face_plus_proj(widths.cross, widths.hidden), {**layers, **lora}), 9)
    save(folder, PORTRAIT, made.flat(made.face_proj(widths.cross, 16), layers), 10)
    save(folder, FULL, made.flat(made.full_proj(widths.hidden, widths.cross), layers), 11)
    save(folder, OTHER_ENCODER, made.flat(made.base_proj(widths.other, widths.cross), layers), 4)
    save(folder, SDXL, made.flat(made.base_proj(widths.projected, 32), made.layer_shapes("sdxl", 32, 8)), 5)
    save(folder, LORA_FILE, {"lora_unet_down_blocks_0_attentions_0_proj_in.lora_up.weight": (8, 8)}, 6)
    save(folder, HALF, {f"ip_adapter.{key}": shape for key, shape in layers.items()}, 7)
    (folder / f"{WEB_PAGE}.safetensors").write_text("<!DOCTYPE html><html><body>Sign in to download</body></html>")
    (folder / f"{POINTER}.bin").write_text(f"version https://git-lfs.github.com/spec/v1\noid sha256:{'0' * 64}\nsize 44642768\n")
    (folder / f"{CUT}.safetensors").write_bytes(struct.pack("<Q", 1 << 60) + b"{")
    if not embedded:
        write_encoder(folder)


def lay_sdxl_adapters(client) -> None:
    """Of the published widths, 2.5 GB: only for a host that has a checkpoint for them. The encoder is that of SD 1.5's."""
    lay_adapters(client)
    folder = client.process.folder / "broken"
    if (folder / f"{SDXL_FACE}.safetensors").exists():
        return
    layers, cross = made.layer_shapes("sdxl"), made.CROSS["sdxl"]
    save(folder, SDXL_BASE, made.flat(made.base_proj(1024, cross), layers), 21)
    save(folder, SDXL_PLUS, made.flat(made.resampler(1280, 1280, cross, 20), layers), 22)
    save(folder, SDXL_FACE, made.flat(made.face_proj(cross), made.layer_shapes("sdxl", lora=True)), 23)


def lora_shapes(widths: Widths) -> dict[str, tuple]:
    """Low-rank pairs for both attentions of every layer, of the published rank."""
    shapes = {}
    for num, width in enumerate(widths.layers):
        for n in (2 * num, 2 * num + 1):
            for name in ("q", "k", "v", "out"):
                inside = widths.cross if n % 2 and name in "kv" else width
                shapes |= {f"{n}.to_{name}_lora.down.weight": (128, inside), f"{n}.to_{name}_lora.up.weight": (width, 128)}
    return shapes


def save(folder: Path, stem: str, shapes: dict[str, tuple], seed: int) -> None:
    """float16, drawn so that every layer keeps the scale of what comes in."""
    generator = torch.Generator().manual_seed(seed)
    state = {}
    for key, shape in shapes.items():
        drawn = torch.randn(shape, generator=generator)
        if len(shape) == 1:
            drawn = 0.02 * drawn + (1 if "norm" in key and key.endswith("weight") else 0)
        else:
            drawn *= (2 if "to_v_ip" in key else 0.3 if "_lora.up" in key else 1) / math.sqrt(math.prod(shape[1:]))
        state[key] = drawn.half().contiguous()
    save_file(state, folder / f"{stem}.safetensors", metadata={"made": json.dumps(seed)})


def encoder_shapes(hidden=1280, mlp=5120, projection=1024, tokens=257, patch=14) -> dict[str, tuple]:
    front = "vision_model.embeddings."
    shapes = {f"{front}class_embedding": (hidden,), f"{front}position_embedding.weight": (tokens, hidden),
              f"{front}patch_embedding.weight": (hidden, 3, patch, patch), "visual_projection.weight": (projection, hidden)}
    norms = ["vision_model.pre_layrnorm", "vision_model.post_layernorm"]
    for number in range(ENCODER_LAYERS):
        layer = f"vision_model.encoder.layers.{number}."
        norms += [f"{layer}layer_norm1", f"{layer}layer_norm2"]
        for name in ("q_proj", "k_proj", "v_proj", "out_proj"):
            shapes |= {f"{layer}self_attn.{name}.weight": (hidden, hidden), f"{layer}self_attn.{name}.bias": (hidden,)}
        shapes |= {f"{layer}mlp.fc1.weight": (mlp, hidden), f"{layer}mlp.fc1.bias": (mlp,),
                   f"{layer}mlp.fc2.weight": (hidden, mlp), f"{layer}mlp.fc2.bias": (hidden,)}
    return shapes | {f"{name}.{part}": (hidden,) for name in norms for part in ("weight", "bias")}
