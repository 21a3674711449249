"""Loads the extensions' scripts, and what script files import. Needed by scripts/relight.py, lib_relight/ui/axes.py
(scripts_data) and every probe."""

from __future__ import annotations

import importlib.util
import inspect
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from types import ModuleType
from typing import NamedTuple

from modules import errors, paths, script_callbacks
from modules.script_base import (  # noqa: F401
    AlwaysVisible,
    MaskBlendArgs,
    PostprocessBatchListArgs,
    PostprocessImageArgs,
    PostProcessMaskOverlayArgs,
    PostSampleArgs,
    Script,
)
from modules.script_runner import ScriptRunner


class ScriptClassData(NamedTuple):
    """A Script class with the file and the extension folder it comes from; X/Y/Z axes are added to its module."""

    script_class: type[Script]
    path: str
    basedir: str
    module: ModuleType


scripts_data: list[ScriptClassData] = []
scripts_txt2img, scripts_img2img = ScriptRunner(), ScriptRunner()
scripts_current: ScriptRunner | None = None
"""The runner of the tab that is being built; its scripts are told of each component."""

_loading: str | None = None


def basedir() -> str:
    """Return the extension's folder while its script file is loaded, else the data folder."""
    return _loading or paths.data_path


@contextmanager
def building(runner: ScriptRunner) -> Iterator[None]:
    """Tell this runner's scripts of the components that the body creates."""
    global scripts_current
    scripts_current = runner
    try:
        yield
    finally:
        scripts_current = None


def files_of_extensions(folder: str, suffix: str) -> list[tuple[str, str]]:
    """Return (extension folder, file) for the files of a sub-folder, extensions in their order, files by name."""
    return [(extension, str(file)) for extension in paths.extension_folders
            for file in sorted(Path(extension, folder).glob(f"*{suffix}"))]


def load_scripts() -> None:
    """Load scripts/*.py of every extension. A file that raises is reported and left out."""
    global scripts_txt2img, scripts_img2img
    scripts_data.clear()
    script_callbacks.remove_all()
    files = files_of_extensions("scripts", ".py")
    for folder in dict.fromkeys(folder for folder, _ in files):
        if folder not in sys.path:
            sys.path.insert(0, folder)
    for folder, file in files:
        _load(folder, file)
    scripts_txt2img, scripts_img2img = ScriptRunner(scripts_data), ScriptRunner(scripts_data)


def _load(folder: str, file: str) -> None:
    """Run one script file with its folder first on sys.path, as a module that is not in sys.modules."""
    global _loading
    path, sys.path = sys.path, [folder, *sys.path]
    _loading = folder
    try:
        spec = importlib.util.spec_from_file_location(Path(file).name, file)
        module = importlib.util.module_from_spec(spec)
        spec.loader.exec_module(module)
    except Exception:
        errors.report(f"Error loading script: {file}", exc_info=True)
    else:
        classes = [value for value in vars(module).values() if inspect.isclass(value) and issubclass(value, Script)]
        scripts_data.extend(ScriptClassData(script, file, folder, module) for script in classes)
    finally:
        sys.path, _loading = path, None
