"""The matting models: the built-in one, rembg's, downloaded at first use, and the user's *.onnx files."""

from __future__ import annotations

from pathlib import Path

from ..base.errors import RelightError
from ..base.known_files import of_kind

FOLDER = Path(__file__).resolve().parents[2] / "models" / "matting"
WORDS = ("auto", "none", "alpha", "mask")
"""Values of the request's `matting` other than models."""

MODELS = of_kind("matting model")
"""Name -> file of rembg's models; u2netp is also the built-in one."""

GENERAL = ("birefnet-general", "birefnet-massive", "birefnet-general-lite", "isnet-general-use", "u2net", "silueta")
"""The models for any subject with a free licence, best first: `auto` takes the first that rembg has downloaded."""
QUALITY = ("birefnet-general", "birefnet-massive", "birefnet-general-lite", "bria-rmbg", "isnet-general-use", "dis_custom",
           "u2net", "u2net_custom", "silueta")
"""The order in which `auto` prefers the user's own files, by family."""

SIZES = {320: "u2net_custom", 1024: "dis_custom", None: "dis_custom"}
"""Input side in pixels (None: free) -> rembg's session for such a file."""
FAMILIES = (("birefnet", "birefnet-general"), ("rmbg-2", "bria-rmbg"), ("rmbg", "dis_custom"), ("isnet", "dis_custom"),
            ("dis", "dis_custom"), ("u2net", "u2net_custom"), ("silueta", "u2net_custom"))


def own_files(folder: Path) -> dict[str, Path]:
    """Return stem -> path of the *.onnx files in a folder; empty for a missing folder."""
    if not folder.is_dir():
        return {}
    return {path.stem: path for path in sorted(folder.iterdir()) if path.suffix.lower() == ".onnx" and path.is_file()}


def family_of(name: str) -> str | None:
    """Return rembg's session type by a model's name, None for an unknown name. A wrong guess fails when the model runs."""
    lower = name.lower()
    if lower in MODELS:
        return lower
    return next((session for part, session in FAMILIES if part in lower), None)


def find(name: str, folder: Path) -> tuple[str, Path | None]:
    """Return the model's canonical name and, for a user's file, its path. Raises RelightError listing the models."""
    wanted = name[:-5] if name.lower().endswith(".onnx") else name
    files = own_files(folder)
    for stem, path in files.items():
        if stem.lower() == wanted.lower():
            return stem, path
    if wanted.lower() in MODELS:
        return wanted.lower(), None
    raise RelightError(f"`matting` is {name!r}, which is no matting model; there is {', '.join([*WORDS, *files, *MODELS])}. "
                       f"Files of your own (*.onnx) go into {folder}.")
