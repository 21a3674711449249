"""What install.py of an extension asks of the launcher."""

import importlib.util
import subprocess
import sys


def is_installed(package):
    try:
        return importlib.util.find_spec(package) is not None
    except ModuleNotFoundError:
        return False


def run_pip(command, desc=None, live=False):
    subprocess.run([sys.executable, "-m", "pip", *command.split()], check=True)


def git_tag():
    return "relight-embedded"
