"""Files that the tests lay into a host's model folders: broken or wrong IC-Light files, and a LoRA."""

from __future__ import annotations

import json
import struct
from pathlib import Path

import torch
from safetensors.torch import save_file

LORA = "relight_contract_lora"
DEMO_WIDTHS, SD15_WIDTHS = (32, 72, 64), (320, 1280, 768)
"""(first convolution, middle block, text tokens)"""


def header_only(path: Path, shapes: dict[str, tuple]) -> None:
    """A safetensors file of zeros in float16 with these tensors."""
    table, end = {}, 0
    for key, shape in shapes.items():
        size = 2 * int(torch.Size(shape).numel())
        table[key] = {"dtype": "F16", "shape": list(shape), "data_offsets": [end, end + size]}
        end += size
    text = json.dumps(table).encode()
    with path.open("wb") as file:
        file.write(struct.pack("<Q", len(text)) + text)
        file.truncate(8 + len(text) + end)


def write_broken(folder: Path) -> Path:
    """One file for each way of going wrong, each named after it."""
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "a_web_page.safetensors").write_text("<!DOCTYPE html><html><body>Sign in to download</body></html>" * 20)
    (folder / "a_pointer.safetensors").write_text(
        "version https://git-lfs.github.com/spec/v1\noid sha256:" + "0" * 64 + "\nsize 1719148312\n")
    whole = folder / "cut_short.safetensors"
    header_only(whole, {"conv_in.weight": (320, 8, 3, 3)})
    with whole.open("r+b") as file:
        file.truncate(whole.stat().st_size - 1000)
    attention = "down_blocks.1.attentions.0.transformer_blocks.0.attn2.to_k.weight"
    header_only(folder / "for_sdxl.safetensors", {
        "conv_in.weight": (8, 8, 3, 3), "add_embedding.linear_1.weight": (8, 16), attention: (8, 2048)})
    header_only(folder / "a_vae.safetensors", {"decoder.conv_in.weight": (8, 4, 3, 3)})
    return folder


def write_lora(folder: Path, widths: tuple[int, int, int]) -> Path:
    """A LoRA of rank 2 on two attention layers of the middle block and on the convolution that IC-Light widens."""
    first, middle, text = widths
    block = "lora_unet_mid_block_attentions_0_transformer_blocks_0"
    sides = {f"{block}_attn1_to_q": ((middle, 2), (2, middle)), f"{block}_attn2_to_v": ((middle, 2), (2, text)),
             "lora_unet_conv_in": ((first, 2, 1, 1), (2, 4, 3, 3))}
    generator = torch.Generator().manual_seed(3)
    tensors = {}
    for name, (up, down) in sides.items():
        tensors[f"{name}.lora_up.weight"] = torch.randn(up, generator=generator) * 0.15
        tensors[f"{name}.lora_down.weight"] = torch.randn(down, generator=generator) * 0.15
        tensors[f"{name}.alpha"] = torch.tensor(2.0)
    path = folder / f"{LORA}.safetensors"
    save_file(tensors, path)
    return path
