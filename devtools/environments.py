"""Virtual environments under .relight/, one for each host's pins: made once, re-used while the pins stay the same."""

from __future__ import annotations

import hashlib
import os
import shutil
import subprocess
import sys
import time
import types
from dataclasses import dataclass
from pathlib import Path

from locks import locked
from processes import child

TORCH = "torch==2.13.0"
HERE = "{environment}"
"""Stands in a pip step for the environment's folder."""


class SetupError(RuntimeError):
    """Something the user can act on, in one sentence."""


@dataclass(frozen=True)
class Pins:
    """One host's library versions: pip steps after torch, the Python minors for which those wheels exist, its tests."""

    name: str
    steps: tuple[tuple[str, ...], ...]
    minors: tuple[int, ...]
    paths: tuple[str, ...] = ()
    """The tests that run here; empty for all."""
    left_out: tuple[str, ...] = ()
    """Markers of tests that give the same result in another environment."""
    only_named: bool = False
    """Runs only with --env."""


VOCABULARY = ("--no-deps", "open-clip-torch==2.20.0")
"""Forge's pin, for the file with CLIP's vocabulary that single-file checkpoints need; the package is never imported."""
PHOTOGRAPHS = ("--no-deps", "--target", f"{HERE}/photographs", "scikit-image==0.25.2")
"""For the photographs in its data folder, which verify relights. Beside the packages, not among them: it comes without what
it imports, so that nothing may import it."""

PINS = {
    "forge": Pins("forge", (("-r", "requirements/forge.txt"), VOCABULARY, PHOTOGRAPHS), (11, 10)),
    # gradio's own bounds forbid Pillow 12; the host installs it first and its other pins over it, so do we.
    "neo": Pins("neo", (("gradio==4.40.0",), ("-r", "requirements/neo.txt"), VOCABULARY, PHOTOGRAPHS), (11, 12, 13),
                left_out=("same_everywhere", "once_per_gradio")),
    # its pins differ from forge's in gradio, pydantic and fastapi alone: it runs the rooms that import one of them
    "a1111": Pins("a1111", (("-r", "requirements/a1111.txt"), VOCABULARY), (11, 10),
                  (*(f"tests/{room}" for room in ("api", "hosts", "request", "ui", "web")),
                   "tests/browser/test_relight_panel.py", "tests/browser/test_any_page.py", "tests/browser/test_sets.py",
                   "tests/browser/test_undo.py", *(f"tests/browser/test_jobs.py::test_a_{name}" for name in (
                       "light_on_the_img2img_image", "warm_light_at_the_top_right_and_a_blue_spot")),
                   "tests/browser/test_status.py::test_a_line_that_grows_moves_nothing_below_it_under_the_pointer"),
                  left_out=("same_everywhere",)),
    "neo6": Pins("neo6", (("-r", "requirements/neo6.txt"), VOCABULARY), (11, 12, 13), (
        *(f"tests/api/test_{name}.py" for name in (
            "access", "axes_api", "example_client", "infotext_text", "jobs", "lists", "presets_api", "preview_refusals",
            "previews", "queue", "rejected_payloads", "relight_api", "running_previews", "script_args", "settings_api")),
        *(f"tests/{room}" for room in ("base", "checks", "common", "embedded_host", "hosts", "iclight", "ipadapter", "job",
                                       "matting", "models", "packages", "request", "ui", "web"))), only_named=True),
}


def torch_requirement():
    return os.environ.get("RELIGHT_TORCH", TORCH).split()


def files_of(root, pins):
    return [root / word for step in pins.steps for word in step if word.endswith(".txt")]


def key(parts):
    """Eight hex digits that change when any of the texts or files changes."""
    digest = hashlib.sha256()
    for part in parts:
        digest.update(part.read_bytes() if isinstance(part, Path) else str(part).encode())
        digest.update(b"\0")
    return digest.hexdigest()[:8]


def folder_of(root, pins, minor):
    parts = [pins.steps, torch_requirement(), minor, *files_of(root, pins)]
    return root / ".relight" / f"{pins.name}-py3{minor}-{key(parts)}"


def python_in(folder):
    return folder / ("Scripts/python.exe" if os.name == "nt" else "bin/python")


# Which interpreter ------------------------------------------------------------------------------------------------

def minor_of(command):
    """The 3.x of an interpreter that really starts (version managers leave stubs that do not), or None."""
    try:
        answer = subprocess.run([*command, "-c", "import sys, venv; print(*sys.version_info[:2])"],
                                capture_output=True, text=True, timeout=30)
    except (OSError, subprocess.TimeoutExpired):
        return None
    major, _, minor = answer.stdout.strip().partition(" ")
    return int(minor) if answer.returncode == 0 and major == "3" and minor.isdigit() else None


def find_interpreter(minors):
    """(command, minor) of this interpreter if it is one of `minors`, else of another on this machine, or None."""
    if sys.version_info[1] in minors:
        return [sys.executable], sys.version_info[1]
    for minor in minors:
        found = shutil.which(f"python3.{minor}")
        launcher = shutil.which("py") if os.name == "nt" else None
        for command in ([found] if found else None, [launcher, f"-3.{minor}"] if launcher else None):
            if command and minor_of(command) == minor:
                return command, minor
    return None


def need_interpreter(pins):
    found = find_interpreter(pins.minors)
    if found is None:
        wanted = " or ".join(f"3.{minor}" for minor in pins.minors)
        raise SetupError(f"the {pins.name} pins need Python {wanted}; this is {sys.version.split()[0]} and no other "
                         "was found. Install Python 3.11.")
    return found


def best_pins():
    """Forge's pins where a Python for them exists, Neo's otherwise."""
    return PINS["forge"] if find_interpreter(PINS["forge"].minors) else PINS["neo"]


# Making one -------------------------------------------------------------------------------------------------------

def pip_step(python, words, log, title, root):
    """One pip run: what it is doing now on the screen, all of it in the log. Raises SetupError with its last words."""
    began = time.monotonic()
    command = [str(python), "-m", "pip", "install", "--progress-bar", "off", "--disable-pip-version-check", *words]
    label = log.stem.partition("-")[0]
    print(f"  {label}: {title}", flush=True)
    lines = []
    with log.open("a", encoding="utf-8") as file, child(command, cwd=root) as process:
        for line in process.stdout:
            file.write(line)
            lines.append(line.rstrip())
            if line.strip().startswith(("Downloading", "Installing collected", "Building wheel")):
                print(f"  {label}: {time.monotonic() - began:4.0f} s  {line.strip()[:100]}", flush=True)
    if process.returncode:
        errors = [line for line in lines if "ERROR" in line] or lines[-3:]
        raise SetupError(f"pip could not install {title} ({' '.join(errors[-1:])}). The whole log: {log}")
    print(f"  {label}: {time.monotonic() - began:4.0f} s  done", flush=True)


def build(root, pins, folder, command):
    log = folder.with_suffix(".log")
    log.unlink(missing_ok=True)
    print(f"making {folder.relative_to(root)} with {' '.join(command)}; this happens once", flush=True)
    if subprocess.run([*command, "-m", "venv", str(folder)]).returncode:
        raise SetupError("Python's venv module failed; on Debian and Ubuntu install the package python3-venv.")
    python = python_in(folder)
    pip_step(python, torch_requirement(), log, " ".join(torch_requirement()), root)
    for words in pins.steps:
        words = [word.replace(HERE, str(folder)) for word in words]
        pip_step(python, [*words, "-c", torch_constraint(folder)], log, words[-1], root)
    if subprocess.run([python, "install.py", "u2netp"], cwd=root).returncode:
        print(f"  {pins.name}: the cut-out model is fetched again at the first cut-out", flush=True)


def torch_constraint(folder):
    """A constraint file with the torch that is installed, so that no later step replaces it."""
    path = folder / "torch.txt"
    code = "import importlib.metadata as m; print('torch==' + m.version('torch'))"
    path.write_text(subprocess.check_output([python_in(folder), "-c", code], text=True))
    return str(path)


def ensure(root, pins, extra=None, script=None):
    """The interpreter of the environment with these pins and, with `extra`, that requirement file on top.

    script: words for the new interpreter, run once after `extra` (the extension's own installer, say).

    A base that failed half-way is removed, so the next start begins anew; a failed `extra` leaves the base, which it
    cannot change, usable.
    """
    command, minor = need_interpreter(pins)
    folder = folder_of(root, pins, minor)
    with locked(folder.with_suffix(".lock")):
        if not (folder / "ready").exists():
            make_base(root, pins, folder, command)
        if extra is not None:
            add_extra(root, pins, folder, extra, script)
    return python_in(folder)


def make_base(root, pins, folder, command):
    shutil.rmtree(folder, ignore_errors=True)
    try:
        build(root, pins, folder, command)
    except BaseException:
        shutil.rmtree(folder, ignore_errors=True)
        raise
    (folder / "ready").touch()
    for old in folder.parent.glob(f"{pins.name}-*"):
        if old.is_dir() and old != folder:
            shutil.rmtree(old, ignore_errors=True)


def add_extra(root, pins, folder, extra, script):
    stamp = folder / f"{extra.stem}-{key([extra, script])}"
    if stamp.exists():
        return
    constraints = [word for file in files_of(root, pins) for word in ("-c", str(file))]
    log = folder.with_suffix(".log")
    pip_step(python_in(folder), ["-r", str(extra), *constraints, "-c", torch_constraint(folder)], log, extra.name, root)
    if script:
        print(f"  {pins.name}: {' '.join(script)}", flush=True)
        with child([python_in(folder), *script], cwd=root) as process:
            for line in process.stdout:
                print(line, end="", flush=True)
        if process.returncode:
            raise SetupError(f"{' '.join(script)} failed in {folder}; its own lines above say why.")
    stamp.touch()


def make_root_package(root):
    """The package `sd_relight`, whose only content is the path of this checkout."""
    package = types.ModuleType("sd_relight")
    package.__path__ = [str(root)]
    sys.modules["sd_relight"] = package
