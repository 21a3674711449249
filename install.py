"""Run by the host at every start (and by hand: `python install.py matting` adds an optional feature's packages, and
`python install.py u2netp` the weights of the built-in matting model, which are else fetched at the first cut-out).

All hosts ship what Relight needs, so there is normally nothing to do. Never changes an installed version, never needs the
network, never fails the host's start.
"""

import importlib.util
import os
import shlex
import subprocess
import sys
import types

ROOT = os.path.dirname(os.path.abspath(__file__))
NEEDED = {"torch": "torch", "numpy": "numpy", "PIL": "Pillow", "safetensors": "safetensors", "transformers": "transformers"}


def relight_module(name):
    """A module of lib_relight, below the private root package."""
    if "sd_relight" not in sys.modules:
        package = types.ModuleType("sd_relight")
        package.__path__ = [ROOT]
        sys.modules["sd_relight"] = package
    return importlib.import_module(f"sd_relight.lib_relight.{name}")


def host_pip():
    """The host's own run_pip, which knows its index and its --skip-install; None outside a host."""
    try:
        import launch
    except Exception:
        return None

    def run(arguments):
        if getattr(getattr(launch, "args", None), "skip_install", False):
            return False, "ERROR: the host was started with --skip-install"
        command = subprocess.list2cmdline(arguments) if os.name == "nt" else shlex.join(arguments)
        try:
            launch.run_pip(command, "packages for Relight")
        except Exception as error:
            return False, str(error)
        return True, ""

    return run if hasattr(launch, "run_pip") else None


def lacking():
    return [package for module, package in NEEDED.items() if importlib.util.find_spec(module) is None]


def main(features):
    for feature in features:
        if feature == "u2netp":
            relight_module("matting.matting").fetch_builtin()
        else:
            relight_module("packages.optional").ensure(feature, apply=host_pip())
    if features:
        return f"ready: {', '.join(features)}."
    missing = lacking()
    if not missing:
        return "all packages are there, nothing was installed."
    if "torch" in missing:
        return "torch is not installed; that is the host's work, nothing was installed."
    report = relight_module("packages.pinned_pip").install(missing, apply=host_pip())
    still = lacking()
    return report.message() + (f" Still missing: {', '.join(still)}." if still else "")


if __name__ == "__main__":
    try:
        print(f"[Relight] {main(sys.argv[1:])}")
    except Exception as error:
        print(f"[Relight] installation left undone: {error}")
        sys.exit(1 if sys.argv[1:] else 0)
