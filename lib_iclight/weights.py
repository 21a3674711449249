"""Identifies, validates and loads IC-Light weight files as offsets under LDM names.

The files hold differences that are added to every tensor of an SD 1.5 UNet; conv_in is wider, 8 input channels for fc
and fcon (noise 4, foreground 4) and 12 for fbc (then background 4).
"""

from __future__ import annotations

import hashlib
from collections import Counter
from dataclasses import dataclass
from pathlib import Path

import torch

from ..lib_common.weight_entries import FLOATS, TensorInfo
from ..lib_common.weight_file import open_weights
from .errors import DamagedOffsetsError, IcLightError
from .families import base_model, context_width, find_unet, name_family, unet_entries
from .keymap import optional_keys, unet_key_map, unet_key_map_inverse

KIND_CHANNELS = {"fc": 8, "fcon": 8, "fbc": 12}
CHOOSE = "pick an IC-Light file (fc, fcon or fbc) in Relight > Model"
CONV_IN = "input_blocks.0.0.weight"


@dataclass(frozen=True)
class FileInfo:
    """Header of an IC-Light file.

    kind: fc | fcon | fbc.  channels: 8 | 12.  layout: diffusers | ldm.  keys: number of tensors.  dtype: the most common
    one as stored.  width: the UNet's first width (SD 1.5: 320).  context: cross-attention width (768).  prefix: of its keys.
    """

    kind: str
    channels: int
    layout: str
    keys: int
    dtype: str
    width: int
    context: int
    prefix: str


def inspect_file(path: str | Path, kind: str | None = None) -> FileInfo:
    """Identify an IC-Light file from its header. Raises UserError, naming what the file is instead.

    kind: the caller's choice. fc and fcon cannot be told apart by content: without kind, "fcon" in the file's stem
    decides. Any SD 1.5 UNet with 8 or 12 input channels is accepted, since its training cannot be detected.
    """
    with open_weights(path) as file:
        return inspect_entries(file.name, file.entries, kind)


def inspect_entries(name: str, entries: dict[str, TensorInfo], kind: str | None = None) -> FileInfo:
    prefix, layout = require_unet(name, entries)
    unet = unet_entries(entries, prefix)
    require_sd15(name, unet)
    ldm = {unet_key_map().get(key, key): entry for key, entry in unet.items()} if layout == "diffusers" else unet
    channels = require_channels(name, ldm[CONV_IN].shape[1])
    require_keys(name, ldm)
    require_widths(name, ldm)
    dtype = require_floats(name, ldm)
    return FileInfo(choose_kind(name, channels, kind), channels, layout, len(ldm), dtype, ldm[CONV_IN].shape[0],
                    context_width(ldm) or 0, prefix)


def require_unet(name: str, entries: dict[str, TensorInfo]) -> tuple[str, str]:
    family = name_family(entries)
    if family == "checkpoint":
        raise IcLightError(f"`{name}` is a full checkpoint with its own VAE or text encoder, not IC-Light weights; "
                           f"choose it as the host's checkpoint and {CHOOSE}.")
    if family == "not a UNet":
        first = min(entries, default="none")
        raise IcLightError(f"`{name}` is not a UNet: {len(entries)} tensors, the first `{first[:80]}`; {CHOOSE}.")
    found = find_unet(entries)
    if family != "unet" or found is None:
        raise IcLightError(f"`{name}` is {family}, not IC-Light weights; {CHOOSE}.")
    return found


def require_sd15(name: str, unet: dict[str, TensorInfo]) -> None:
    base = base_model(unet)
    if base == "sd2":
        raise IcLightError(f"`{name}` is made for SD 2 (cross-attention width 1024); IC-Light exists for SD 1.5 only, "
                           f"{CHOOSE}.")
    if base == "sdxl":
        raise IcLightError(f"`{name}` is made for SDXL; IC-Light exists for SD 1.5 only, {CHOOSE}.")


def require_channels(name: str, channels: int) -> int:
    known = {4: "a plain UNet with 4 input channels", 9: "an inpainting UNet with 9 input channels"}
    if channels in known:
        raise IcLightError(f"`{name}` is {known[channels]}; IC-Light fc and fcon take 8 and fbc takes 12, {CHOOSE}.")
    if channels not in KIND_CHANNELS.values():
        raise IcLightError(f"`{name}` takes {channels} input channels; IC-Light fc and fcon take 8 and fbc takes 12, "
                           f"{CHOOSE}.")
    return channels


def require_keys(name: str, ldm: dict[str, TensorInfo]) -> None:
    known = unet_key_map_inverse().keys()
    missing = known - ldm.keys() - optional_keys({key: entry.shape for key, entry in ldm.items()})
    if missing:
        raise DamagedOffsetsError(f"`{name}` lacks {len(missing)} of the {len(known)} weights of an SD 1.5 UNet "
                                  f"(first: {min(missing)}); download it again or {CHOOSE}.")
    unexpected = ldm.keys() - known
    if unexpected:
        raise IcLightError(f"`{name}` has {len(unexpected)} weights that an SD 1.5 UNet does not have "
                           f"(first: {min(unexpected)[:80]}); {CHOOSE}.")


def require_widths(name: str, ldm: dict[str, TensorInfo]) -> None:
    """Raise IcLightError unless the widths agree: conv_in, time embedding, output and all cross-attentions."""
    width, context = ldm[CONV_IN].shape[0], context_width(ldm)
    wanted = {CONV_IN: (width, ldm[CONV_IN].shape[1], 3, 3), "input_blocks.0.0.bias": (width,),
              "time_embed.0.weight": (4 * width, width), "out.2.weight": (4, width, 3, 3)}
    for key, entry in ldm.items():
        if key.endswith(("attn2.to_k.weight", "attn2.to_v.weight")):
            wanted[key] = (*entry.shape[:1], context)
    for key, shape in wanted.items():
        if ldm[key].shape != shape:
            raise IcLightError(f"`{name}` does not have the widths of an SD 1.5 UNet: {key} is {list(ldm[key].shape)} "
                               f"instead of {list(shape)}; {CHOOSE}.")


def require_floats(name: str, ldm: dict[str, TensorInfo]) -> str:
    dtypes = Counter(entry.dtype for entry in ldm.values())
    for dtype in dtypes:
        if dtype not in FLOATS:
            raise IcLightError(f"`{name}` stores weights as {dtype}, which cannot be added to a checkpoint; use a file "
                               "in float16, bfloat16, float32 or float8.")
    return dtypes.most_common(1)[0][0]


def choose_kind(name: str, channels: int, kind: str | None) -> str:
    if kind not in (None, "auto"):
        if KIND_CHANNELS.get(kind) != channels:
            family = "fbc" if channels == 12 else "fc or fcon"
            raise IcLightError(f"`{name}` takes {channels} input channels, which makes it {family}, not {kind}; choose "
                               f"{family} or another file.")
        return kind
    if channels == 12:
        return "fbc"
    return "fcon" if "fcon" in Path(name).stem.lower() else "fc"


def load_offsets(path: str | Path, dtype: torch.dtype = torch.float16) -> dict[str, torch.Tensor]:
    """Load an IC-Light file as {LDM key without prefix: CPU tensor of dtype float16 or float32}, copied into memory.

    Raises IcLightError as `inspect_file` does, WeightFileError for NaN, infinite values and a file modified while read.
    """
    with open_weights(path) as file:
        info = inspect_entries(file.name, file.entries)
        rename = unet_key_map() if info.layout == "diffusers" else {}
        keys = {key[len(info.prefix):]: key for key in file.entries if key.startswith(info.prefix)}
        return file.read_as({rename.get(bare, bare): key for bare, key in keys.items()}, dtype)


def offset_identity(path: str | Path, kind: str) -> str:
    """Return a cache key for a weight file: 16 hex digits from its resolved path, mtime, size and kind."""
    path = Path(path).resolve()
    try:
        stat = path.stat()
    except OSError:
        raise IcLightError(f"`{path.name}` was not found at {path}; download it there or pick another model.") from None
    facts = f"{path}|{stat.st_mtime_ns}|{stat.st_size}|{kind}"
    return hashlib.sha256(facts.encode()).hexdigest()[:16]


def checkpoint_family(entries: dict[str, TensorInfo]) -> str:
    """Return "sd15", "sd2", "sdxl", "iclight" or "unknown".

    "iclight" is a bare UNet with 8 or 12 input channels: offsets chosen as a checkpoint by mistake.
    """
    family, found = name_family(entries), find_unet(entries)
    if family not in ("unet", "checkpoint") or not found:
        return "unknown"
    unet = unet_entries(entries, found[0])
    channels = next(unet[key].shape[1] for key in ("conv_in.weight", CONV_IN) if key in unet)
    base = base_model(unet)
    return "iclight" if family == "unet" and base == "sd15" and channels in (8, 12) else base
