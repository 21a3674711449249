"""Prepares a Ray worker: creates the root package below which it loads what `dev.py batch --ray` sends it."""

import sys
import types
from pathlib import Path


def prepare() -> None:
    package = types.ModuleType("sd_relight")
    package.__path__ = [str(Path(__file__).resolve().parent.parent)]
    sys.modules["sd_relight"] = package
