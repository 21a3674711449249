"""Makes the repository importable as `sd_relight`, as scripts/relight.py does."""

import sys
import types
from pathlib import Path

if "sd_relight" not in sys.modules:
    root = types.ModuleType("sd_relight")
    root.__path__ = [str(Path(__file__).resolve().parents[1])]
    sys.modules["sd_relight"] = root
