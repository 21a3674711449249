"""Splits adapter files into image_proj and ip_adapter, for every published and training layout."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TypeVar

from torch import Tensor

from ...lib_common.fields import printable
from ...lib_common.weight_entries import FLOATS, TensorInfo, unsupported
from ...lib_common.weight_file import WeightFile
from ..errors import DamagedAdapterError, IpAdapterError
from ..unet_layers import processor_keys
from .families import Shapes

Value = TypeVar("Value")
PARTS = (("image_proj_model", "image_proj"), ("image_proj", "image_proj"),
         ("adapter_modules", "ip_adapter"), ("ip_adapter", "ip_adapter"))
"""(prefix in published files or training output, name of the half)."""


@dataclass(frozen=True)
class AdapterFile:
    """Header of an adapter file. image_proj, ip_adapter: key -> shape."""

    path: Path
    image_proj: Shapes
    ip_adapter: Shapes


def adapter_shapes(path: Path, file: WeightFile) -> AdapterFile:
    """Return the halves of an open adapter file. Raises IpAdapterError for other models, dtypes and missing counterparts."""
    image_proj, ip_adapter = split_halves(file.entries)
    if not image_proj or not ip_adapter:
        error = DamagedAdapterError if image_proj or ip_adapter else IpAdapterError
        raise error(not_an_adapter(file.name, list(file.entries), bool(image_proj), bool(ip_adapter)))
    for key, entry in (*image_proj.items(), *ip_adapter.items()):
        if entry.dtype not in FLOATS:
            raise unsupported(file.name, key, entry.dtype)
    check_pairs(file.name, ip_adapter)
    return AdapterFile(path, shapes_of(image_proj), shapes_of(ip_adapter))


def read_halves(file: WeightFile) -> tuple[dict[str, Tensor], dict[str, Tensor]]:
    """Return (image_proj, ip_adapter) as CPU tensors in the file's own dtype, sorted by layer number."""
    image_proj, ip_adapter = split_halves({key: key for key in file.entries})
    return file.read_as(image_proj), file.read_as(ip_adapter)


def shapes_of(entries: Mapping[str, TensorInfo]) -> Shapes:
    return {key: entry.shape for key, entry in entries.items()}


def check_pairs(name: str, ip_adapter: Mapping[str, TensorInfo]) -> None:
    """Raise IpAdapterError for LoRA matrices and keys or values without their counterpart."""
    for key in ip_adapter:
        for one, other in ((".down.", ".up."), (".up.", ".down."), (".to_k_ip.", ".to_v_ip."), (".to_v_ip.", ".to_k_ip.")):
            if one in key and key.replace(one, other) not in ip_adapter:
                raise DamagedAdapterError(f"`{name}` has `ip_adapter.{key[:80]}` but not `{key.replace(one, other)[:80]}`; the "
                                          "file is damaged, download it again.")


def layer_number(key: str) -> int:
    """Return 31 for `31.to_k_ip.weight`; for a key without a leading number a value that sorts last."""
    head = key.split(".", 1)[0]
    return int(head) if head.isascii() and head.isdigit() and len(head) < 6 else 1 << 30


def split_halves(flat: Mapping[str, Value]) -> tuple[dict[str, Value], dict[str, Value]]:
    """Split flat keys into image_proj and ip_adapter; other keys are omitted.

    Without `adapter_modules`, the layers are taken from the processors inside `unet.` (accelerate drops shared tensors).
    """
    halves: dict[str, dict[str, Value]] = {"image_proj": {}, "ip_adapter": {}}
    for key, value in flat.items():
        for prefix, half in PARTS:
            if key.startswith(prefix + "."):
                halves[half][key[len(prefix) + 1:]] = value
                break
    if not halves["ip_adapter"]:
        # training output without `adapter_modules`: its tensors are those of the UNet's attention processors
        names = processor_keys(key.removeprefix("unet.") for key in flat if key.startswith("unet."))
        halves["ip_adapter"] = {name: flat[f"unet.{key}"] for key, name in names.items()}
    ip_adapter = dict(sorted(halves["ip_adapter"].items(), key=lambda item: (layer_number(item[0]), item[0])))
    return halves["image_proj"], ip_adapter


def not_an_adapter(name: str, keys: list[str], has_image_proj: bool, has_ip_adapter: bool) -> str:
    """Return the message for a file that lacks one half or both, naming what it is instead if its keys tell."""
    for test, sentence in OTHERS:
        if any(test(key) for key in keys):
            return f"`{name}` is {sentence}"
    if has_image_proj or has_ip_adapter:
        missing = "image_proj" if has_ip_adapter else "ip_adapter"
        return (f"`{name}` has no `{missing}` part, only half of an IP-Adapter; download the complete file, or convert the "
                "training output again.")
    first = f" (its first key is `{printable(keys[0][:80])}`)" if keys else ""
    return f"`{name}` is no IP-Adapter: it has neither `image_proj` nor `ip_adapter` weights{first}; pick another file."


OTHERS: tuple[tuple[Callable[[str], bool], str], ...] = (
    (lambda key: key.startswith(("lora_unet_", "lora_te")) or (key.startswith("unet.") and "lora" in key),
     "a LoRA, not an adapter. It is the companion of a FaceID adapter: pick the adapter file itself; the LoRA inside it is "
     "applied by `faceid_lora`."),
    (lambda key: key.startswith(("vision_model.", "visual.")),
     "an image encoder, not an adapter; it is found by itself, pick an adapter here."),
    (lambda key: key.startswith(("model.diffusion_model.", "first_stage_model.")),
     "a checkpoint, not an adapter; pick an IP-Adapter file."),
    (lambda key: key.startswith(("control_model.", "controlnet_", "input_hint_block.", "zero_convs.")),
     "a ControlNet, not an IP-Adapter; pick an IP-Adapter file."),
)
