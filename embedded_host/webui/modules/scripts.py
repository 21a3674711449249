"""Finds and runs the extensions' scripts: `load_scripts`, then one ScriptRunner for each tab."""

import inspect
import os
import sys
from collections import namedtuple

from modules import errors, extensions, paths, script_callbacks, script_loading
from modules.script_base import (  # noqa: F401
    AlwaysVisible,
    MaskBlendArgs,
    OnComponent,
    PostprocessBatchListArgs,
    PostprocessImageArgs,
    PostProcessMaskOverlayArgs,
    PostSampleArgs,
    Script,
    ScriptBuiltinUI,
)
from modules.script_runner import ScriptRunner

ScriptFile = extensions.ScriptFile
ScriptClassData = namedtuple("ScriptClassData", ["script_class", "path", "basedir", "module"])

scripts_data = []
postprocessing_scripts_data = []
scripts_txt2img: ScriptRunner = None
scripts_img2img: ScriptRunner = None
scripts_current: ScriptRunner = None

_current_basedir = None


def basedir():
    """The extension's folder; right only while its script file is being loaded."""
    return _current_basedir or paths.script_path


def list_scripts(scriptdirname, extension, *, include_extensions=True):
    """ScriptFiles of a sub-folder of every extension, extensions in the order given to `boot`."""
    return [file for ext in extensions.active() for file in ext.list_files(scriptdirname, extension)]


def list_files_with_name(filename):
    found = (os.path.join(ext.path, filename) for ext in extensions.active())
    return [path for path in found if os.path.isfile(path)]


def load_scripts():
    """Load every extension's scripts/*.py. A script that fails to load is reported and left out, as in every WebUI."""
    global scripts_txt2img, scripts_img2img
    scripts_data.clear()
    script_callbacks.clear_callbacks()

    files = list_scripts("scripts", ".py")
    for file in files:
        if file.basedir not in sys.path:
            sys.path.insert(0, file.basedir)
    for file in files:
        _load_script(file)
    scripts_txt2img, scripts_img2img = ScriptRunner(scripts_data), ScriptRunner(scripts_data)


def _load_script(file):
    global _current_basedir
    kept, sys.path = sys.path, [file.basedir, *sys.path]
    _current_basedir = file.basedir
    try:
        module = script_loading.load_module(file.path)
        for value in list(vars(module).values()):
            if inspect.isclass(value) and issubclass(value, Script):
                scripts_data.append(ScriptClassData(value, file.path, file.basedir, module))
    except Exception:
        errors.report(f"Error loading script: {file.filename}", exc_info=True)
    finally:
        sys.path = kept
        _current_basedir = None


reload_scripts = load_scripts
