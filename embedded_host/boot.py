"""Puts the surface (`modules`, `modules_forge`, `backend`, `launch`) on sys.path and points it at one model folder."""

from __future__ import annotations

import sys
from pathlib import Path

SURFACE = Path(__file__).resolve().parent / "webui"
HOST_PACKAGES = ("modules", "modules_forge", "backend")


def boot(models_dir, *, device="auto", data_dir=None, extensions=()):
    """Make `import modules.…` mean this host, without loading a model.

    models_dir: the folder with the checkpoint; also what `modules.paths.models_path` names.
    device: "auto" (CUDA when there is one) | "cpu" | "cuda" | "cuda:1" | "mps".
    data_dir: where `outputs/` is made; default the working directory.
    extensions: extension folders, loaded in this order.
    Calling it again points the same surface at the new folders. Raises RuntimeError when another WebUI's
    `modules` is already imported in this process.
    """
    _refuse_other_host()
    if str(SURFACE) not in sys.path:
        sys.path.insert(0, str(SURFACE))

    from modules import devices, extensions as host_extensions, paths

    paths.configure(Path(models_dir), Path(data_dir) if data_dir else Path.cwd(), [Path(x) for x in extensions])
    devices.configure(device)
    host_extensions.list_extensions()


def _refuse_other_host():
    for name in HOST_PACKAGES:
        module = sys.modules.get(name)
        if module is not None and not str(_folder_of(module)).startswith(str(SURFACE)):
            raise RuntimeError(
                f"A package called `{name}` from {_folder_of(module)} is already imported; the embedded host needs that "
                "name. Start it in a process of its own.")


def _folder_of(module):
    if getattr(module, "__file__", None):
        return Path(module.__file__).resolve().parent
    return next(iter(getattr(module, "__path__", [])), "?")
