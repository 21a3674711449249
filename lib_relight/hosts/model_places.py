"""Folders that hold model files on the hosts: the host's own, ControlNet's, ComfyUI's, and those named by flags."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

MODEL_FOLDERS = {
    "iclight": ("ic-light", "iclight", "IC-Light", "unet", "diffusion_models"),
    "ipadapter": ("ipadapter", "ip-adapter", "ControlNet", "controlnet"),
    "clip_vision": ("clip_vision", "image_encoder", "ControlNetPreprocessor", "ControlNet", "controlnet"),
    "faces": ("insightface", "ControlNetPreprocessor"),
}
"""Folders below a models folder that the hosts, other extensions and ComfyUI use for each kind of file."""
CONTROLNET = Path("extensions") / "sd-webui-controlnet"
"""ControlNet's extension for A1111, with folders of its own."""


def model_places(folder_kind: str, models: Path, data: Path, flags: Any, options: Any) -> list[Path]:
    """Return the folders that may hold files of a kind, and files that lie in the models folder itself.

    models, data: the host's folders. flags: its command line. options: its settings.
    """
    named = [place for tree in as_paths(getattr(flags, "relight_models_dir", None)) for place in tree_places(tree, folder_kind)]
    own = [models / name for name in MODEL_FOLDERS[folder_kind]]
    shared = [] if folder_kind == "iclight" else [*controlnet_places(data, flags, options)]
    comfy_homes = as_paths(getattr(flags, "forge_ref_comfy_home", None))
    comfy = [place for tree in comfy_homes for place in tree_places(tree, folder_kind)[:-1]]
    return [*named, *own, *shared, *comfy, *sorted(models.glob("*.*"))]


def controlnet_places(data: Path, flags: Any, options: Any) -> Iterator[Path]:
    """Yield the folders of ControlNet's settings and flags, which the hosts name alike, and of its extension."""
    yield from as_paths(getattr(options, "control_net_models_path", None))
    for flag in ("controlnet_dir", "controlnet_dirs"):
        yield from as_paths(getattr(flags, flag, None))
    yield from (data / CONTROLNET / "models", data / CONTROLNET / "annotator" / "downloads")


def tree_places(tree: Path, folder_kind: str) -> list[Path]:
    """Return the folders for a kind in a folder that the user names: those with a usual name below it, then itself.

    Of a ComfyUI installation only the models are taken."""
    root = tree / "models" if (tree / "models" / "checkpoints").is_dir() else tree
    return [*(root / name for name in MODEL_FOLDERS[folder_kind] if (root / name).is_dir()), root]


def as_paths(value: object) -> list[Path]:
    """Return the folders of a flag or setting: none, one, or a list of them."""
    values = value if isinstance(value, (list, tuple)) else [value]
    return [Path(text).expanduser() for text in values if isinstance(text, (str, Path)) and str(text).strip()]
