"""Reads adapter files of every published container; looks at headers first, and says what a wrong file is."""

from __future__ import annotations

import json
import pickle
import struct
import zipfile
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path

import torch
from safetensors import safe_open
from torch import Tensor

from ..errors import IpAdapterError

Shapes = dict[str, tuple[int, ...]]
SUFFIXES = (".safetensors", ".sft", ".bin", ".pth", ".pt", ".ckpt")
SAFETENSORS = (".safetensors", ".sft")
PARTS = (("image_proj_model", "image_proj"), ("image_proj", "image_proj"),
         ("adapter_modules", "ip_adapter"), ("ip_adapter", "ip_adapter"))
"""Prefixes of the two halves in published files and in raw training output -> their usual names."""


@dataclass(frozen=True)
class AdapterFile:
    """What an adapter file holds, from its header alone. image_proj, ip_adapter: key -> shape."""

    path: Path
    image_proj: Shapes
    ip_adapter: Shapes
    dtype: str


def inspect_file(path: Path | str) -> AdapterFile:
    """Look at an adapter file without reading its weights. Raises IpAdapterError with the file's own sentence."""
    path = Path(path)
    tensors = read_header(path)
    image_proj, ip_adapter = split_parts({key: shape for key, (shape, _) in tensors.items()})
    if not image_proj or not ip_adapter:
        raise IpAdapterError(not_an_adapter(path, tensors, image_proj, ip_adapter))
    return AdapterFile(path, image_proj, ip_adapter, next(iter(tensors.values()))[1])


def load_file(path: Path | str) -> tuple[dict[str, Tensor], dict[str, Tensor]]:
    """Both halves, image_proj and ip_adapter, as CPU tensors in the file's own dtype, sorted by layer number."""
    path = Path(path)
    inspect_file(path)
    return split_parts(read_tensors(path))


def layer_number(key: str) -> int:
    """31 for `31.to_k_ip.weight`; keys without a number come last."""
    head = key.split(".", 1)[0]
    return int(head) if head.isdigit() else 1 << 30


def split_parts(flat: Mapping) -> tuple[dict, dict]:
    """Flat keys into the halves image_proj and ip_adapter; `unet.*` of training output and anything else is left out."""
    halves = {"image_proj": {}, "ip_adapter": {}}
    for key, value in flat.items():
        for prefix, half in PARTS:
            if key.startswith(prefix + "."):
                halves[half][key[len(prefix) + 1:]] = value
                break
    ip_adapter = dict(sorted(halves["ip_adapter"].items(), key=lambda item: (layer_number(item[0]), item[0])))
    return halves["image_proj"], ip_adapter


def flatten(nested: Mapping, prefix: str = "") -> dict[str, Tensor]:
    """{"image_proj": {"norm.bias": t}} -> {"image_proj.norm.bias": t}; what is no tensor is left out."""
    flat = {}
    for key, value in nested.items():
        if isinstance(value, Mapping):
            flat.update(flatten(value, f"{prefix}{key}."))
        elif isinstance(value, Tensor):
            flat[f"{prefix}{key}"] = value
    if not prefix and flat and all(key.startswith("state_dict.") for key in flat):
        return {key.removeprefix("state_dict."): value for key, value in flat.items()}
    return flat


def read_header(path: Path) -> dict[str, tuple[tuple[int, ...], str]]:
    """key -> (shape, dtype name) for any container."""
    check_readable(path)
    if is_safetensors(path):
        return safetensors_header(path)
    return {key: (tuple(t.shape), str(t.dtype).removeprefix("torch.")) for key, t in read_pickle(path, "meta").items()}


def read_tensors(path: Path, wanted: Iterable[str] | None = None) -> dict[str, Tensor]:
    """CPU tensors of any container. wanted: keys to read, all by default; only safetensors saves time by it."""
    check_readable(path)
    if not is_safetensors(path):
        tensors = read_pickle(path, "cpu")
        return tensors if wanted is None else {key: tensors[key] for key in wanted}
    safetensors_header(path)
    with safe_open(str(path), framework="pt", device="cpu") as file:
        return {key: file.get_tensor(key) for key in (file.keys() if wanted is None else wanted)}


def is_safetensors(path: Path) -> bool:
    return path.suffix.lower() in SAFETENSORS


def check_readable(path: Path) -> None:
    """Refuse what is no weight file at all."""
    try:
        with path.open("rb") as file:
            head = file.read(64)
    except OSError as error:
        raise IpAdapterError(f"`{path.name}` cannot be read ({error.strerror or error}); check that it is still in "
                             f"{path.parent}.") from None
    if not head:
        raise IpAdapterError(f"`{path.name}` is empty; download it again.")
    if head.lstrip().startswith(b"<"):
        raise IpAdapterError(f"`{path.name}` is a web page, not a model; download the file itself, not the page about it.")
    if head.startswith(b"version https://git-lfs"):
        raise IpAdapterError(f"`{path.name}` is a Git LFS pointer of {path.stat().st_size} bytes, not the model; run "
                             "`git lfs pull` in its folder, or download the file itself.")


def truncated(path: Path) -> IpAdapterError:
    return IpAdapterError(f"`{path.name}` is incomplete or damaged ({path.stat().st_size} bytes); download it again.")


def safetensors_header(path: Path) -> dict[str, tuple[tuple[int, ...], str]]:
    """Header of a safetensors file; a file shorter than its header promises is refused."""
    size = path.stat().st_size
    try:
        with path.open("rb") as file:
            length = struct.unpack("<Q", file.read(8))[0]
            if length > min(size - 8, 100_000_000):
                raise truncated(path)
            header = json.loads(file.read(length))
        entries = {key: value for key, value in header.items() if key != "__metadata__"}
        end = max((entry["data_offsets"][1] for entry in entries.values()), default=0)
        shapes = {key: (tuple(entry["shape"]), entry["dtype"].lower()) for key, entry in entries.items()}
    except (struct.error, ValueError, KeyError, TypeError, AttributeError) as error:
        if isinstance(error, IpAdapterError):
            raise
        raise truncated(path) from None
    if size != 8 + length + end:
        raise truncated(path)
    return shapes


def read_pickle(path: Path, device: str) -> dict[str, Tensor]:
    """Flat tensors of a torch file; code in it is never run (weights_only). device "meta" reads shapes alone."""
    options = {"map_location": device, "weights_only": True}
    if zipfile.is_zipfile(path):
        options["mmap"] = True
    try:
        content = torch.load(str(path), **options)
    except pickle.UnpicklingError as error:
        if "weights_only" in str(error).lower() or "unsupported" in str(error).lower():
            raise IpAdapterError(f"`{path.name}` holds more than tensors and is not loaded, because that could run "
                                 "foreign code; use the .safetensors version of this adapter.") from None
        raise truncated(path) from None
    except Exception:  # a damaged file breaks the reader in many ways, none of which says more than this
        raise truncated(path) from None
    if not isinstance(content, Mapping):
        raise IpAdapterError(f"`{path.name}` holds a {type(content).__name__}, not a table of tensors; pick an IP-Adapter "
                             "file.")
    return flatten(content)


def not_an_adapter(path: Path, tensors: Mapping, image_proj: Mapping, ip_adapter: Mapping) -> str:
    """The sentence for a file that lacks one half or both: what it is instead, as far as its keys say."""
    keys = list(tensors)
    for test, sentence in OTHERS:
        if any(test(key) for key in keys):
            return f"`{path.name}` is {sentence}"
    if image_proj or ip_adapter:
        missing = "image_proj" if ip_adapter else "ip_adapter"
        return (f"`{path.name}` has no `{missing}` part, only half of an IP-Adapter; download the complete file, or "
                "convert the training output again.")
    first = f" (its first key is `{keys[0]}`)" if keys else ""
    return (f"`{path.name}` is no IP-Adapter: it has neither `image_proj` nor `ip_adapter` weights{first}; pick another "
            "file.")


OTHERS = (
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
