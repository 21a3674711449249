"""Converts the keys of OpenCLIP vision towers (`visual.*`) to transformers' names."""

from __future__ import annotations

from collections.abc import Mapping

from torch import Tensor

TOP = {
    "class_embedding": "vision_model.embeddings.class_embedding",
    "positional_embedding": "vision_model.embeddings.position_embedding.weight",
    "conv1.weight": "vision_model.embeddings.patch_embedding.weight",
    "ln_pre": "vision_model.pre_layrnorm",
    "ln_post": "vision_model.post_layernorm",
    "proj": "visual_projection.weight",
}
INNER = {
    "ln_1": "layer_norm1",
    "ln_2": "layer_norm2",
    "attn.out_proj": "self_attn.out_proj",
    "mlp.c_fc": "mlp.fc1",
    "mlp.c_proj": "mlp.fc2",
}


def hf_names(key: str) -> tuple[str, ...]:
    """Return the HF names of an OpenCLIP key: one; three for the joined q, k, v; none outside of the vision tower."""
    if not key.startswith("visual."):
        return ()
    name = key.removeprefix("visual.")
    if name in TOP:
        return (TOP[name],)
    stem, _, leaf = name.rpartition(".")
    if stem in TOP:
        return (f"{TOP[stem]}.{leaf}",)
    if not name.startswith("transformer.resblocks."):
        return ()
    number, _, inner = name.removeprefix("transformer.resblocks.").partition(".")
    place = f"vision_model.encoder.layers.{number}"
    if inner in ("attn.in_proj_weight", "attn.in_proj_bias"):
        leaf = inner.rpartition("_")[2]
        return tuple(f"{place}.self_attn.{part}_proj.{leaf}" for part in "qkv")
    stem, _, leaf = inner.rpartition(".")
    return (f"{place}.{INNER[stem]}.{leaf}",) if stem in INNER else ()


def openclip_shapes(shapes: Mapping[str, tuple[int, ...]]) -> dict[str, tuple[int, ...]]:
    converted = {}
    for key, shape in shapes.items():
        names = hf_names(key)
        if len(names) == 3:
            shape = (shape[0] // 3, *shape[1:])
        if key == "visual.proj":
            shape = shape[::-1]
        converted.update(dict.fromkeys(names, shape))
    return converted


def to_hf(state: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """Convert an OpenCLIP state dict: keys renamed, q, k and v split, the projection transposed."""
    converted = {}
    for key, tensor in state.items():
        names = hf_names(key)
        if key == "visual.proj":
            tensor = tensor.t().contiguous()
        parts = tensor.chunk(3) if len(names) == 3 else (tensor,)
        converted.update(zip(names, parts))
    return converted
