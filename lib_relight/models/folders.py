"""The search folders for model files of each kind."""

from __future__ import annotations

from pathlib import Path

from ..base import settings
from ..hosts import current_host
from ..hosts.model_places import tree_places

ROOT = Path(__file__).resolve().parents[2]


def model_folders(kind: str) -> list[Path]:
    """Return the folders for a kind of file (iclight, ipadapter, clip_vision, faces): the user's, the host's, our own."""
    trees = [place for tree in settings.trees() for place in tree_places(tree, kind)]
    own = [path for path in sorted((ROOT / "models").iterdir()) if path.name != "demo"]
    return [*settings.folders(kind), *trees, *current_host().model_dirs(kind), *own]
