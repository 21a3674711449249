"""`dev.py test`: the whole suite with the hosts' pins on all processors, the linters, and a table at the end."""

from __future__ import annotations

import argparse
import functools
import math
import os
import shutil
import subprocess
import threading
import time
from pathlib import Path

import environments
from chunks import Chunk, ChunkQueue, Durations, expand, is_left_out, pack
from environments import PINS, Pins
from processes import child, side_by_side
from results import NOTHING_COLLECTED, Result, merged, read_report, table

BROWSER = ("chromium", "chromedriver")
MATTING = ("install.py", "matting")
"""The extension's own installer adds rembg, held to the versions that are there, as it does inside a WebUI."""
CHECKED_CODE = ("lib_common", "lib_iclight", "lib_ipadapter", "lib_relight", "embedded_host", "scripts", "install.py",
                "preload.py")
LINTERS = {"ruff": ["-m", "ruff", "check", "."], "pyright": ["-m", "basedpyright"],
           "bandit": ["-m", "bandit", "-q", "-ll", "-r", *CHECKED_CODE], "audit": ["devtools/audit.py"]}
LINT_CHUNKS = (Chunk("pyright", ("pyproject.toml",), 15.0), Chunk("ruff", (".",), 1.0),
               Chunk("bandit", (CHECKED_CODE[0], CHECKED_CODE[-1]), 8.0), Chunk("audit", ("requirements",), 5.0))
"""In the queue with the tests, to fill the time of a processor that has no tests left."""
MOST_WORKERS = 4
printing = threading.Lock()


# The browser ------------------------------------------------------------------------------------------------------

def missing_browser() -> list[str]:
    return [name for name in BROWSER if shutil.which(name) is None]


def ensure_browser() -> str | None:
    """Why the browser tests will be skipped, or None. Installs Debian's packages where that is possible."""
    if not missing_browser():
        return None
    if os.name == "nt" or shutil.which("apt-get") is None:
        return f"{', '.join(missing_browser())} not found and no apt-get here to install it"
    if os.geteuid() != 0:
        return f"{', '.join(missing_browser())} not found; apt-get install chromium chromium-driver (as root) adds it"
    print("installing Debian's chromium and chromium-driver for the browser tests", flush=True)
    variables = {**os.environ, "DEBIAN_FRONTEND": "noninteractive"}
    for words in (["update"], ["install", "-y", "--no-install-recommends", "chromium", "chromium-driver"]):
        subprocess.run(["apt-get", *words], env=variables, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    return f"apt-get could not install {', '.join(missing_browser())}" if missing_browser() else None


# What runs --------------------------------------------------------------------------------------------------------

def chosen_pins(args: argparse.Namespace) -> list[Pins]:
    """The environments to run in: the one that is named, or all but those that run only when named.

    Those with tests of their own are left out as well if paths are named.
    """
    if args.env:
        return [PINS[args.env]]
    return [pins for pins in PINS.values() if not (pins.only_named or args.paths and pins.paths)]


def chunks_of(root: Path, args: argparse.Namespace, pins: Pins, durations: Durations) -> list[Chunk]:
    """The tests of one environment but files left out there; in one process when a real host has to be started for them."""
    paths = [path for path in expand(root, args.paths or pins.paths or ["tests"], args.skip)
             if not is_left_out(root / path, pins.left_out)]
    seconds = functools.partial(durations.of, pins.name)
    return list(pack(pins.name, paths, seconds, math.inf)) if args.webui else list(pack(pins.name, paths, seconds))


def pytest_words(args: argparse.Namespace, chunk: Chunk, report: Path) -> list[str]:
    """pytest's command line, without the tests that another environment runs with the same result."""
    words = ["-m", "pytest", "-c", "pyproject.toml", "--rootdir", ".", "-q", "-p", "no:cacheprovider", "--color=no",
             f"--junitxml={report}", f"--basetemp={report.with_suffix('')}"]
    if left_out := PINS[chunk.env].left_out:
        words += ["-m", " and ".join(f"not {marker}" for marker in left_out)]
    if args.expression:
        words += ["-k", args.expression]
    if args.webui:
        words += ["--webui", str(args.webui.resolve())]
    return [*words, *chunk.paths]


def linter_words(name: str, python: Path) -> list[str]:
    """A linter's command line; pyright is told where the imported packages are."""
    return [*LINTERS[name], *(["--pythonpath", str(python)] if name == "pyright" else [])]


# Running ----------------------------------------------------------------------------------------------------------

def run_command(label: str, title: str, command: list, root: Path) -> tuple[int, float]:
    """(exit code, seconds) of a command. Prints its last line and what was skipped, or all lines when it failed."""
    began = time.monotonic()
    with child(command, {"OMP_NUM_THREADS": "1"}, cwd=root) as process:
        lines = [line.rstrip() for line in process.stdout] or [""]
    failed = process.returncode not in (0, NOTHING_COLLECTED)
    with printing:
        for line in lines[:-1]:
            if failed or line.startswith("SKIPPED"):
                print(f"{label:7} | {line}")
        print(f"{label:7} | {title}: {lines[-1]}", flush=True)
    return process.returncode, time.monotonic() - began


def run_chunk(root: Path, args: argparse.Namespace, python: Path, chunk: Chunk, report: Path) -> Result:
    """One linter, or one pytest process with its report; its temporary folder goes when it passed."""
    words = linter_words(chunk.env, python) if chunk.env in LINTERS else pytest_words(args, chunk, report)
    code, seconds = run_command(chunk.env, chunk.title, [python, *words], root)
    if code == 0:
        shutil.rmtree(report.with_suffix(""), ignore_errors=True)
    return Result(chunk.env, code, seconds, *read_report(report))


def run_queue(root: Path, args: argparse.Namespace, pythons: dict[str, Path], chunks: list[Chunk]) -> list[Result]:
    """All chunks on as many workers as there are processors; returns a result for each."""
    reports = root / ".relight" / "reports"
    shutil.rmtree(reports, ignore_errors=True)
    reports.mkdir(parents=True)
    queue, results = ChunkQueue(chunks), []

    def worker() -> None:
        while chunk := queue.take():
            report = reports / f"{chunk.env}-{chunks.index(chunk)}.xml"
            results.append(run_chunk(root, args, pythons[chunk.env], chunk, report))
            queue.done(chunk)

    side_by_side([worker] * max(1, min(MOST_WORKERS, os.cpu_count() or 1)))
    return results


def prepare(root: Path, all_pins: list[Pins], linting: bool) -> dict[str, Path]:
    """The interpreters of the environments and linters by name; the environments are made side by side."""
    requirements = root / "requirements"
    made = side_by_side([functools.partial(environments.ensure, root, pins, requirements / "test.txt", MATTING)
                         for pins in all_pins])
    pythons = dict(zip((pins.name for pins in all_pins), made, strict=True))
    if linting:
        python = environments.ensure(root, all_pins[0], requirements / "lint.txt")
        pythons.update(dict.fromkeys(LINTERS, python))
    return pythons


def run_tests(root: Path, args: argparse.Namespace) -> int:
    """Everything that CI runs. Returns 0 when all of it passed."""
    began = time.monotonic()
    if reason := ensure_browser():
        print(f"browser tests will be skipped: {reason}", flush=True)
    partial = bool(args.expression or args.paths)
    all_pins, durations = chosen_pins(args), Durations(root / ".relight" / "durations.json")
    pythons = prepare(root, all_pins, linting=not partial)
    chunks = [chunk for pins in all_pins for chunk in chunks_of(root, args, pins, durations)]
    parts = run_queue(root, args, pythons, chunks if partial else [*chunks, *LINT_CHUNKS])
    results = merged([part for part in parts if part.name in PINS], partial)
    if not partial:
        durations.save(results)
        results += [part for part in parts if part.name in LINTERS]
    print("\n" + table(results))
    failed = [result.name for result in results if result.code]
    print(f"{time.monotonic() - began:.0f} s in all: " + (f"FAILED ({', '.join(failed)})" if failed else "all passed"))
    return 1 if failed else 0
