"""Makes `import modules`, `modules_forge` and `backend` mean the embedded host in this process."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterable
from pathlib import Path
from types import ModuleType

WEBUI = Path(__file__).resolve().parent / "webui"
PACKAGES = ("modules", "modules_forge", "backend")
NO_CONNECTIONS = {"GRADIO_ANALYTICS_ENABLED": "False"}
"""Environment variables that keep libraries from reporting their use."""


def install_modules(models_dir: str | Path, *, device: str = "auto", data_dir: str | Path | None = None,
                    extensions: Iterable[str | Path] = ()) -> None:
    """Put `webui/` on sys.path and set its folders and device; loads no model.

    models_dir: the folder with the checkpoint, also `modules.paths.models_path`.
    device: "auto" (CUDA where available), "cpu", "cuda", "cuda:1" or "mps".
    data_dir: the folder of `outputs/`; default: the working directory.
    extensions: extension folders in the order in which they load.
    A second call sets other folders. Raises RuntimeError where another WebUI's packages are already imported.
    """
    _require_own_packages()
    for name, value in NO_CONNECTIONS.items():
        os.environ.setdefault(name, value)
    if str(WEBUI) not in sys.path:
        sys.path.insert(0, str(WEBUI))

    from modules import devices, paths

    paths.configure(Path(models_dir), Path(data_dir) if data_dir else Path.cwd(), [Path(folder) for folder in extensions])
    devices.configure(device)


def _require_own_packages() -> None:
    for name in PACKAGES:
        module = sys.modules.get(name)
        if module is not None and WEBUI not in [folder := _folder_of(module), *folder.parents]:
            raise RuntimeError(f"The package `{name}` is already imported from {folder}; the embedded host has a package of "
                               "that name. Start it in a process of its own.")


def _folder_of(module: ModuleType) -> Path:
    if getattr(module, "__file__", None):
        return Path(module.__file__).resolve().parent
    return Path(next(iter(getattr(module, "__path__", [])), "?"))
