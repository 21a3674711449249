"""The host's folders as strings, set by `configure`. Needed by lib_relight (model folders, presets) and the engine."""

from pathlib import Path

data_path = str(Path.cwd())
models_path = str(Path.cwd() / "models")
extension_folders: list[str] = []


def configure(models: Path, data: Path, extensions: list[Path]) -> None:
    """Set the folders of models and of outputs, and the extensions to load, in this order."""
    global data_path, models_path
    data_path, models_path = str(data.resolve()), str(models.resolve())
    extension_folders[:] = [str(folder.resolve()) for folder in extensions]
