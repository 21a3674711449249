"""Folders, named as a WebUI names them. Set by `configure`; every value is a str."""

import os

script_path = os.getcwd()
data_path = script_path
models_path = os.path.join(data_path, "models")
extensions_dir = os.path.join(data_path, "extensions")
extensions_builtin_dir = os.path.join(data_path, "extensions-builtin")
extension_dirs = []
sd_default_config = sd_model_file = default_sd_model_file = None


def configure(models_dir, data_dir, extensions):
    global script_path, data_path, models_path, extensions_dir, extensions_builtin_dir, extension_dirs
    script_path = data_path = str(data_dir.resolve())
    models_path = str(models_dir.resolve())
    extensions_dir = os.path.join(data_path, "extensions")
    extensions_builtin_dir = os.path.join(data_path, "extensions-builtin")
    extension_dirs = [str(path.resolve()) for path in extensions]
    _tell_importers()


def _tell_importers():
    """`from modules.paths_internal import models_path` must see the same values."""
    from modules import paths_internal

    for name in ("script_path", "data_path", "models_path", "extensions_dir", "extensions_builtin_dir"):
        setattr(paths_internal, name, globals()[name])
