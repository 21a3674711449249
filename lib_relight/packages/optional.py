"""Optional packages: installed at first use, without changing versions that the host pins."""

from __future__ import annotations

import importlib
import importlib.util
import os
import sys
import threading
from dataclasses import dataclass
from pathlib import Path

from ..base.errors import RelightError
from ..base.log import logger
from . import pinned_pip
from .lazy_import import postponed

INSTALLER = Path(__file__).resolve().parents[2] / "install.py"


@dataclass(frozen=True)
class Feature:
    """packages: requirement -> the module it provides. instead: what the user can do without it.

    unused: a package that the modules import, but that Relight never uses.
    """

    label: str
    packages: dict[str, str]
    instead: str
    unused: str | None = None


FEATURES = {
    "matting": Feature("Cutting out the subject", {"rembg>=2.0.50": "rembg", "onnxruntime": "onnxruntime"},
                       "give an image with transparency or a mask, or set matting to none", unused="pymatting"),
    "faceid": Feature("Reading faces for FaceID", {"onnxruntime": "onnxruntime"},
                      "use an IP-Adapter that is not of the FaceID family"),
    "ray": Feature("Running a batch on Ray", {"ray[data]>=2.9": "ray"}, "leave out --ray"),
}

FORBIDDEN = os.environ.get("RELIGHT_SKIP_INSTALL", "") not in ("", "0")
"""Whether the environment forbids pip, whatever the host's flags say."""

settings = {"allowed": not FORBIDDEN, "downloads": True}
"""allowed: pip may run. downloads: model files may be fetched."""
failures: dict[str, str] = {}
lock = threading.Lock()


def allow_install(allowed: bool) -> None:
    """Set whether ensure() may run pip: off with --relight-skip-install, the host's --skip-install and RELIGHT_SKIP_INSTALL."""
    settings["allowed"] = bool(allowed) and not FORBIDDEN


def allow_downloads(allowed: bool) -> None:
    """Set whether matting models may be fetched at their first use: off with --relight-no-download."""
    settings["downloads"] = bool(allowed)


def missing(name: str) -> list[str]:
    """Return the feature's requirements whose module cannot be found. Imports nothing."""
    return [requirement for requirement, module in FEATURES[name].packages.items() if not importable(module)]


def importable(module: str) -> bool:
    try:
        return importlib.util.find_spec(module) is not None
    except (ImportError, ValueError):  # a stub in sys.modules without a spec
        return module in sys.modules


def ensure(name: str, pip: pinned_pip.Pip = pinned_pip.run_pip, apply: pinned_pip.Pip | None = None) -> None:
    """Make the feature's packages importable, installing them when they are missing.

    One thread at a time; after a failure pip is not run again in this process. Raises RelightError with one sentence:
    what is off, why, the alternative and the command to run.
    """
    if not missing(name):
        return
    with lock:
        lacking = missing(name)
        if not lacking:
            return
        if name not in failures:
            reason = attempt(name, lacking, pip, apply)
            if reason is None:
                return
            failures[name] = failure_message(name, lacking, reason)
        raise RelightError(failures[name])


def attempt(name: str, lacking: list[str], pip: pinned_pip.Pip, apply: pinned_pip.Pip | None) -> str | None:
    """Install the requirements. Returns the reason of a failure, or None."""
    if not settings["allowed"]:
        return "installing is switched off"
    logger.info(f"{FEATURES[name].label} needs {', '.join(lacking)}: installing once, without touching other packages...")
    try:
        logger.info(pinned_pip.install(lacking, pip, apply).message())
    except pinned_pip.InstallError as error:
        return str(error)
    still = missing(name)
    return f"after the installation {', '.join(still)} still cannot be found" if still else None


def failure_message(name: str, lacking: list[str], reason: str) -> str:
    feature = FEATURES[name]
    return (f"{feature.label} is off, because {', '.join(lacking)} could not be installed: {reason}. Either "
            f'{feature.instead}, or go online, run "{sys.executable}" "{INSTALLER}" {name} and restart.')


def load(name: str, module: str):
    """Import a module of a feature, installing the feature first. Raises RelightError also when the import itself fails.

    rembg ends the process (SystemExit) when it finds no onnxruntime; the host must survive that.
    """
    ensure(name)
    feature = FEATURES[name]
    try:
        with postponed(feature.unused):
            return importlib.import_module(module)
    except (Exception, SystemExit) as error:
        reason = f"{type(error).__name__}: {error}"
        if lacking := missing_import(module, error):
            raise RelightError(f"{feature.label} is off: {module} is installed but cannot be imported ({reason}). Either "
                               f'{feature.instead}, or install what it lacks: "{sys.executable}" -m pip install '
                               f"{lacking}") from error
        raise RelightError(f"{feature.label} is off: {module} is installed but cannot be imported ({reason}). Either "
                           f'{feature.instead}, or reinstall it: "{sys.executable}" -m pip install --no-deps --force-reinstall '
                           f"{module}") from error


def missing_import(module: str, error: BaseException) -> str | None:
    """Return the other package that a module failed to import, or None if its own files are to blame."""
    name = (error.name or "").partition(".")[0] if isinstance(error, ModuleNotFoundError) else ""
    return name if name not in ("", module.partition(".")[0]) else None
