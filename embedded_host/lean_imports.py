"""Imports diffusers without packages that it only looks for: of its import's time they take three quarters."""

from __future__ import annotations

import sys
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from importlib.metadata import version
from pathlib import Path

UNUSED = ("torch._dynamo", "scipy")
"""For compiled models, and for noise levels that this host computes itself."""
FOR_LARGE_FILES = "accelerate"
"""With it diffusers leaves out the random values that loaded weights replace: seconds for a full-size UNet."""
LARGE = 500 * 2**20
LIBRARIES = {"diffusers", "transformers"}
TRIED = (4, 46)
"""The newest transformers that was tried; 4.57 imports torch._dynamo itself."""


def import_diffusers(models_dir: str | Path) -> None:
    """Import what the host uses of diffusers and transformers. models_dir: the folder whose models will be loaded.

    Hides nothing if one of the two is already imported, and has looked for the packages, or if transformers is newer than TRIED.
    """
    if LIBRARIES & sys.modules.keys() or not is_tried(version("transformers")):
        return
    large = any(path.stat().st_size > LARGE for path in Path(models_dir).glob("unet/*.safetensors"))
    with hidden((*UNUSED, *([] if large else [FOR_LARGE_FILES]))):
        from diffusers import AutoencoderKL, DDIMScheduler, UNet2DConditionModel  # noqa: F401
        from transformers import CLIPTextModel  # noqa: F401


def is_tried(transformers: str) -> bool:
    """Whether this version of transformers does without what is hidden."""
    return tuple(map(int, transformers.split(".")[:2])) <= TRIED


@contextmanager
def hidden(names: Iterable[str]) -> Iterator[None]:
    """Have these modules fail to import inside the block, but for those that are imported already."""
    names = [name for name in names if name not in sys.modules]
    sys.modules.update(dict.fromkeys(names))
    try:
        yield
    finally:
        for name in names:
            if sys.modules[name] is None:
                del sys.modules[name]
