"""Extension of the browser tests: what a running host finds follows the files in the folder RELIGHT_STAGE; see browser/stage.py."""

import os
import sys
from pathlib import Path

from modules import script_callbacks

STAGE = Path(os.environ["RELIGHT_STAGE"])
MODELS, CHECKPOINT, TABLE = STAGE / "models", STAGE / "checkpoint.safetensors", STAGE / "known_files.json"


def start():
    host = sys.modules["sd_relight.lib_relight.hosts"].current_host()
    model_dirs, checkpoint_file = host.model_dirs, host.checkpoint_file
    host.model_dirs = lambda kind: [MODELS] if MODELS.is_dir() else model_dirs(kind)
    host.checkpoint_file = lambda p: CHECKPOINT if CHECKPOINT.exists() else checkpoint_file(p)
    known_files = sys.modules["sd_relight.lib_relight.base.known_files"]
    known_files.TABLE = TABLE
    known_files.known_files.cache_clear()


script_callbacks.on_before_ui(start)
