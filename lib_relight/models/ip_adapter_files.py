"""Finds adapters and image encoders in the host's folders, by content and not by name."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

from ...lib_common.errors import UserError
from ...lib_common.file_cache import cached_by_mtime
from ...lib_common.weight_file import open_weights
from ...lib_ipadapter.encode.adapter import Adapter, inspect_adapter, load_adapter
from ...lib_ipadapter.encode.encoder import EncoderInfo, find_encoder
from ...lib_ipadapter.files.families import BY_NAME
from ...lib_ipadapter.files.variants import BASE_NAMES, Variant
from ..base.caches import count_read, file_identity, model_files
from ..base.errors import RelightError
from ..base.known_files import known_files
from . import checkpoint
from .iclight_files import folder_list
from .listing import find, labels, list_files

ENCODER_FILES = {"H": "CLIP-ViT-H-14", "bigG": "CLIP-ViT-bigG-14"}
"""Name of an EncoderNeed -> known file that serves it."""
AUTO = "auto"
AUTO_FAMILIES = ("base", "plus", "vit-g", "light")
"""The families that `auto` prefers, best first; the others follow in the order of their table."""
UNCOND_FILE = "fooocus_ip_negative.safetensors"


def choices(folders: Iterable[Path]) -> list[str]:
    """Return the names of all adapter files, for the panel."""
    files = list_files(folders)
    return [label for path, label in zip(files, labels(files, (AUTO,))) if variant_or_none(path)]


def face_choices(folders: Iterable[Path]) -> list[str]:
    """Return those of `choices` that need a face, and AUTO if no other adapter is there."""
    files = list_files(folders)
    named = [(label, variant) for path, label in zip(files, labels(files, (AUTO,))) if (variant := variant_or_none(path))]
    faces = [label for label, variant in named if variant.face]
    return [AUTO, *faces] if named and len(faces) == len(named) else faces


@cached_by_mtime
def variant_or_none(path: Path) -> Variant | None:
    try:
        return inspect_adapter(path)
    except UserError:
        return None


def resolve(name: str, folders: Iterable[Path]) -> Path:
    """Return the adapter called name: file name, stem, end of its path, ControlNet's "stem [hash]", or auto. Raises
    RelightError if there is none."""
    folders = list(folders)
    files = list_files(folders)
    if name == AUTO:
        return best_adapter(files, folders)
    path = find(name, files) or find(name.split(" [")[0], files)
    if path is not None:
        return path
    available = ", ".join(choices(folders)) or "none yet"
    if (file := known_files().get(name)) is not None:
        raise RelightError(f"`model` of an `ip_adapter` unit is {name!r}, but no such file is in {folder_list(folders)}; get "
                           f"{file.file} from {file.source} and put it there, or choose one that is there ({available}).")
    raise RelightError(f"`model` of an `ip_adapter` unit is {name!r}, but no such file is in {folder_list(folders)}; put it "
                       f"there or choose one that is there ({available}).")


def best_adapter(files: list[Path], folders: list[Path]) -> Path:
    """Return the adapter that `auto` takes: one for the selected checkpoint, a base adapter first. Raises RelightError."""
    base = getattr(checkpoint.selected(), "family", "unknown")
    order = [*AUTO_FAMILIES, *(name for name in BY_NAME if name not in AUTO_FAMILIES)]
    variants = [variant for path in files if (variant := variant_or_none(path))]
    fitting = [variant for variant in variants if variant.base == base or base not in BASE_NAMES]
    if not fitting:
        wanted = BASE_NAMES.get(base, "this checkpoint")
        raise RelightError(f"`model` of an `ip_adapter` unit is 'auto', but no adapter for {wanted} is in "
                           f"{folder_list(folders)}; put one there, such as ip-adapter_sd15.safetensors or "
                           "ip-adapter_sdxl_vit-h.safetensors.")
    return min(fitting, key=lambda variant: order.index(variant.family.name)).path


def load(path: Path, family: str) -> Adapter:
    """Read an adapter file; cached with other weights until the file changes."""

    def read() -> Adapter:
        count_read("adapter_reads", path)
        return load_adapter(path, family)

    return model_files.get(("adapter", file_identity(path), family), read)


def encoder_for(variant: Variant, folders: Iterable[Path]) -> EncoderInfo | None:
    """Return the image encoder of an adapter, or None if it uses none."""
    if variant.encoder is None:
        return None
    folders = list(folders)
    try:
        return find_encoder(list_files(folders), variant.encoder, variant.path.name)
    except UserError as error:
        if (file := known_files().get(ENCODER_FILES.get(variant.encoder.name, ""))) is None:
            raise
        raise RelightError(f"{error} Get {file.file} from {file.source}, and put it into {folder_list(folders)}.") from error


def uncond_tokens(folders: Iterable[Path]):
    """Return Fooocus' stored unconditional tokens, [1, T, D], or None if the file is missing."""
    for path in list_files(folders):
        if path.name == UNCOND_FILE:
            with open_weights(path) as file:
                tokens = file.read("data")
            return tokens[None] if tokens.ndim == 2 else tokens
    return None
