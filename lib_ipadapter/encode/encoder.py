"""Detects, loads and runs CLIP vision encoders, in the HF and the OpenCLIP key layout."""

from __future__ import annotations

import json
import os
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import torch
from torch import Tensor

from ...lib_common.errors import UserError
from ...lib_common.file_cache import cached_by_mtime
from ...lib_common.weight_entries import FLOATS, unsupported
from ...lib_common.weight_file import WeightFile, open_weights
from ..errors import IpAdapterError
from ..files.adapter_file import Shapes
from ..files.openclip import openclip_shapes, to_hf
from ..files.variants import EncoderNeed

if TYPE_CHECKING:
    from transformers import CLIPVisionModelWithProjection

POSITION = "vision_model.embeddings.position_embedding.weight"
PATCH = "vision_model.embeddings.patch_embedding.weight"
ACTIVATIONS = ("gelu", "quick_gelu", "gelu_new", "gelu_pytorch_tanh", "relu", "silu")
HEADS = {768: 12, 1024: 16, 1280: 16, 1664: 16}
NAME_HINTS = ("clip", "vision", "image_encoder", "vit-", "vit_")
"""Parts of the names of image encoders and of their folders."""
NAMES = {(1280, 32): "CLIP ViT-H", (1664, 48): "CLIP ViT-bigG", (1024, 24): "CLIP ViT-L"}


@dataclass(frozen=True)
class EncoderInfo:
    """Header of an image encoder file. tokens: sequence length; image_size: side of its input in pixels."""

    path: Path
    layout: str
    layers: int
    hidden: int
    mlp: int
    projection: int
    patch: int
    tokens: int
    heads: int
    activation: str

    @property
    def image_size(self) -> int:
        return self.patch * round((self.tokens - 1) ** 0.5)

    @property
    def name(self) -> str:
        name = NAMES.get((self.hidden, self.layers), f"a vision encoder of width {self.hidden}")
        return name if self.image_size == 224 else f"{name} {self.image_size}"

    def serves(self, need: EncoderNeed) -> bool:
        width = self.projection if need.output == "image_embeds" else self.hidden
        if need.name and (self.hidden, self.layers) in NAMES:
            return width == need.width and NAMES[self.hidden, self.layers].endswith(f"-{need.name}")
        return width == need.width


class NoEncoder(IpAdapterError):
    """The file is undamaged but holds another kind of model."""


def inspect_encoder(path: Path | str) -> EncoderInfo:
    """Return the encoder's header. Raises NoEncoder if the file holds something else, UserError if it cannot be used."""
    with open_weights(path) as file:
        return encoder_info(Path(path), file)


def encoder_info(path: Path, file: WeightFile) -> EncoderInfo:
    layout, shapes = hf_shapes({key: entry.shape for key, entry in file.entries.items()})
    if POSITION not in shapes or PATCH not in shapes or "visual_projection.weight" not in shapes:
        raise NoEncoder(f"`{file.name}` is no CLIP image encoder; put one such as CLIP-ViT-H-14.safetensors into the clip_vision "
                        "folder.")
    for key in vision_keys(file):
        if file.entries[key].dtype not in (*FLOATS, "int64"):  # position_ids are int64
            raise unsupported(file.name, key, file.entries[key].dtype)
    layers = sum(key.endswith(".mlp.fc1.weight") for key in shapes)
    tokens, hidden = shapes[POSITION]
    config = read_config(path, hidden)
    heads = config.get("num_attention_heads") or HEADS.get(hidden) or max(1, hidden // 64)
    activation = config.get("hidden_act") or ("quick_gelu" if hidden == 1024 else "gelu")
    return EncoderInfo(path, layout, layers, hidden, shapes["vision_model.encoder.layers.0.mlp.fc1.weight"][0],
                       shapes["visual_projection.weight"][0], shapes[PATCH][-1], tokens, heads, activation)


def vision_keys(file: WeightFile) -> list[str]:
    return [key for key in file.entries if key.startswith(("vision_model.", "visual_projection.", "visual."))]


def hf_shapes(shapes: Shapes) -> tuple[str, Shapes]:
    """Return (layout, shapes under HF names), layout hf | openclip."""
    if any(key.startswith("visual.transformer.") for key in shapes):
        return "openclip", openclip_shapes(shapes)
    return "hf", shapes


def read_config(path: Path, hidden: int) -> dict[str, Any]:
    """Return the config.json beside the file, for num_attention_heads and hidden_act, which shapes do not tell.

    {} if it is missing or does not fit: another hidden width, heads that do not divide it, an unknown activation.
    """
    try:
        config = json.loads(path.with_name("config.json").read_text("utf-8"))
        config = config.get("vision_config") or config
        if config["hidden_size"] != hidden or hidden % config["num_attention_heads"]:
            return {}
        return config if config["hidden_act"] in ACTIVATIONS else {}
    except (OSError, ValueError, AttributeError, KeyError, TypeError, ZeroDivisionError, RecursionError):
        return {}


@cached_by_mtime
def cached_inspect(path: Path) -> EncoderInfo | str | None:
    """Cached `inspect_encoder`; None for other models and missing files, the message for a broken file."""
    if not os.path.exists(path):
        return None
    try:
        return inspect_encoder(path)
    except NoEncoder:
        return None
    except UserError as error:
        return str(error)


def find_encoder(paths: Iterable[Path | str], need: EncoderNeed, adapter: str = "") -> EncoderInfo:
    """Return the first encoder that serves `need`, 224-pixel ones before others.

    Raises IpAdapterError that names the encoders found, or the fault of a broken file whose name suggests an encoder.
    adapter: name of the adapter, for the message.
    """
    results = {path: cached_inspect(path) for path in map(Path, paths)}
    found = [info for info in results.values() if isinstance(info, EncoderInfo)]
    fitting = sorted((info for info in found if info.serves(need)), key=lambda info: info.image_size != 224)
    if fitting:
        return fitting[0]
    who = f"`{adapter}`" if adapter else "The adapter"
    for path, message in results.items():
        if isinstance(message, str) and any(hint in f"{path.parent.name}/{path.name}".lower() for hint in NAME_HINTS):
            raise IpAdapterError(f"{who} needs {need}, but {message}")
    seen = ", ".join(f"{info.path.name} is {info.name}" for info in found) or "no image encoder was found"
    raise IpAdapterError(f"{who} needs {need}, but {seen}; put the right encoder into models/clip_vision.")


def check_encoder(info: EncoderInfo, need: EncoderNeed, adapter: str = "the adapter") -> None:
    """Raise IpAdapterError, with both names and widths, unless the encoder serves `need`."""
    if not info.serves(need):
        width = info.projection if need.output == "image_embeds" else info.hidden
        raise IpAdapterError(f"`{info.path.name}` is {info.name} (width {width}), but `{adapter}` needs {need}; choose that "
                             "encoder.")


class ImageEncoder:
    """A loaded encoder and its header."""

    def __init__(self, info: EncoderInfo, model: CLIPVisionModelWithProjection):
        self.info, self.model = info, model

    @torch.no_grad()
    def encode(self, pixels: Tensor, output: str, batch: int = 8) -> Tensor:
        """Encode normalised pixels, float [N, 3, S, S]; returns float32 on the encoder's device.

        output: image_embeds -> [N, projection], hidden -> [N, tokens, hidden] (the last but one hidden state).
        Raises IpAdapterError for another image size.
        """
        size = self.info.image_size
        if tuple(pixels.shape[-2:]) != (size, size):
            raise IpAdapterError(f"The image for {self.info.name} is {tuple(pixels.shape[-2:])}; it must be {size} x {size}.")
        weight = self.model.visual_projection.weight
        parts = [self._encode(part.to(weight.device, weight.dtype), output) for part in pixels.split(batch)]
        return torch.cat(parts).float()

    def _encode(self, pixels: Tensor, output: str) -> Tensor:
        if output == "image_embeds":
            return self.model(pixel_values=pixels).image_embeds
        return self.model(pixel_values=pixels, output_hidden_states=True).hidden_states[-2]

    def to(self, device: torch.device | str) -> ImageEncoder:
        self.model.to(device)  # pyright: ignore[reportArgumentType]  -- transformers hides nn.Module's signature
        return self


def load_encoder(path: Path | str, device: torch.device | str = "cpu",
                 dtype: torch.dtype = torch.float32) -> ImageEncoder:
    """Read the vision half of an encoder file; OpenCLIP's names become transformers'. Weights are converted to dtype."""
    with open_weights(path) as file:
        info = encoder_info(Path(path), file)
        state = file.read_as({key: key for key in vision_keys(file)}, dtype)
        state = to_hf(state) if info.layout == "openclip" else state
        model = build_model(info, state)
    return ImageEncoder(info, model).to(device)


def build_model(info: EncoderInfo, state: Mapping[str, Tensor]) -> CLIPVisionModelWithProjection:
    """Build the encoder with its weights. Raises IpAdapterError for one that is missing or has another shape.

    transformers is imported here, because a start without image prompts does not need it and would wait for it.
    """
    from transformers import CLIPVisionConfig, CLIPVisionModelWithProjection

    config = CLIPVisionConfig(
        hidden_size=info.hidden, intermediate_size=info.mlp, projection_dim=info.projection, num_hidden_layers=info.layers,
        num_attention_heads=info.heads, image_size=info.image_size, patch_size=info.patch, hidden_act=info.activation)
    with torch.device("meta"):
        model = CLIPVisionModelWithProjection(config)
    wanted = {key: tensor.shape for key, tensor in model.state_dict().items() if not key.endswith("position_ids")}
    if missing := sorted(set(wanted) - set(state)):
        raise IpAdapterError(f"`{info.path.name}` lacks `{missing[0]}` ({len(missing)} weights missing); download it again.")
    for key, shape in wanted.items():
        if state[key].shape != shape:
            raise IpAdapterError(f"`{info.path.name}` has `{key}` as {tuple(state[key].shape)} instead of {tuple(shape)}; "
                                 "download it again.")
    model.load_state_dict({key: state[key] for key in wanted}, assign=True, strict=False)
    model.vision_model.embeddings.position_ids = torch.arange(info.tokens)[None]
    return model.eval().requires_grad_(False)


@contextmanager
def opened(path: Path | str, device: torch.device | str, dtype: torch.dtype = torch.float16) -> Iterator[ImageEncoder]:
    """Load an encoder for a `with` block. Its weights are freed at the end, whoever still holds it."""
    encoder = load_encoder(path, device, dtype)
    try:
        yield encoder
    finally:
        encoder.to("meta")
