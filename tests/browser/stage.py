"""What a host of the browser tests finds while it runs: model files, a checkpoint, and the hub that serves known files."""

import hashlib
import json
import mmap
import shutil
from contextlib import contextmanager
from pathlib import Path

EXTENSION = Path(__file__).resolve().parent / "stage_extension"
TABLE = Path(__file__).resolve().parents[2] / "lib_relight" / "base" / "known_files.json"
FC, FACE = "iclight_sd15_fc", "det_10g"
"""The known files that the hub serves, both with the content of the host's own fc."""


class Stage:
    """folder: read by stage_extension. files: the model files of the tests that change what the host finds, one of them fc."""

    def __init__(self, folder, files, hub):
        self.folder, self.files, self.hub = folder, sorted(files), hub
        self.models, self.checkpoint = folder / "models", folder / "checkpoint.safetensors"
        self.fc = next(path for path in self.files if path.stem.endswith("_fc"))
        with self.fc.open("rb") as file:
            self.content = memoryview(mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ))
        served = {"url": f"{hub.url}/file", "hub": "", "size": len(self.content), "sha256": hashlib.sha256(self.content).hexdigest()}
        table = json.loads(TABLE.read_text("utf8"))
        (folder / TABLE.name).write_text(json.dumps([{**file, **served} if file["name"] in (FC, FACE) else file for file in table]))

    @property
    def environment(self):
        return {"RELIGHT_STAGE": str(self.folder)}

    @contextmanager
    def own_models(self):
        """The host's only model folder, with links to all files."""
        self.models.mkdir()
        for path in self.files:
            (self.models / path.name).symlink_to(path)
        yield self.models
        shutil.rmtree(self.models)
