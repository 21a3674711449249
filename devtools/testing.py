"""`dev.py test`: the whole suite with the hosts' pins, two lanes side by side, and a table at the end."""

from __future__ import annotations

import os
import shutil
import subprocess
import time
import xml.etree.ElementTree as ElementTree
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field

import environments

BROWSER = ("chromium", "chromedriver")
LANES = (("forge",), ("neo", "a1111"))
"""The environments of a whole run, those of a lane one after the other: the second lane's suites are the shorter ones."""
MATTING = ("install.py", "matting")
"""The extension's own installer adds rembg, held to the versions that are there, as it does inside a WebUI."""


@dataclass
class Result:
    """What one step gave. counts: tests, failures, errors, skipped."""

    name: str
    code: int
    seconds: float
    counts: dict = field(default_factory=dict)
    slowest: list = field(default_factory=list)


# The browser ------------------------------------------------------------------------------------------------------

def missing_browser():
    return [name for name in BROWSER if shutil.which(name) is None]


def ensure_browser():
    """Why the browser tests will be skipped, or None. Installs Debian's packages where that is possible."""
    if not missing_browser():
        return None
    if os.name == "nt" or shutil.which("apt-get") is None:
        return f"{', '.join(missing_browser())} not found and no apt-get here to install it"
    if os.geteuid() != 0:
        return f"{', '.join(missing_browser())} not found; apt-get install chromium chromium-driver (as root) adds it"
    print("installing Debian's chromium and chromium-driver for the browser tests", flush=True)
    quiet = {"stdout": subprocess.DEVNULL, "stderr": subprocess.DEVNULL}
    environments.call(["apt-get", "update"], **quiet)
    environments.call(["apt-get", "install", "-y", "--no-install-recommends", "chromium", "chromium-driver"],
                      env={"DEBIAN_FRONTEND": "noninteractive"}, **quiet)
    return f"apt-get could not install {', '.join(missing_browser())}" if missing_browser() else None


# Running ----------------------------------------------------------------------------------------------------------

def pytest_words(args, pins, report):
    words = ["-m", "pytest", "-c", "pyproject.toml", "--rootdir", ".", "-q", "-p", "no:cacheprovider", "--color=no",
             f"--junitxml={report}", f"--basetemp={report.with_suffix('')}"]
    if pins.name != "forge":
        words += ["-m", "not same_everywhere"]
    if args.expression:
        words += ["-k", args.expression]
    if args.webui:
        words += ["--webui", str(args.webui.resolve())]
    return words + list(args.paths or pins.paths)


def stream(command, label, root, env):
    """Runs a command and prints its lines behind a label; returns the exit code."""
    process = subprocess.Popen([str(word) for word in command], cwd=root, env={**os.environ, **env}, text=True,
                               stdout=subprocess.PIPE, stderr=subprocess.STDOUT, errors="replace")
    for line in process.stdout:
        print(f"{label} | {line}", end="", flush=True)
    return process.wait()


def read_report(path):
    """(counts, five slowest) of a JUnit file; empty when pytest died before it wrote one."""
    if not path.exists():
        return {}, []
    counts, cases = {}, []
    for suite in ElementTree.parse(path).getroot().iter("testsuite"):
        for name in ("tests", "failures", "errors", "skipped"):
            counts[name] = counts.get(name, 0) + int(suite.get(name, 0))
        for case in suite.iter("testcase"):
            cases.append((float(case.get("time", 0)), f"{case.get('classname')}::{case.get('name')}"))
    return counts, sorted(cases, reverse=True)[:5]


def run_suite(root, args, pins, env):
    """The environment made or found, then the tests in it."""
    python = environments.ensure(root, pins, root / "requirements" / "test.txt", MATTING)
    report = root / ".relight" / f"report-{pins.name}.xml"
    report.unlink(missing_ok=True)
    began = time.monotonic()
    code = stream([python, *pytest_words(args, pins, report)], f"{pins.name:5}", root, env)
    counts, slowest = read_report(report)
    if code == 5 and (args.expression or args.paths):  # pytest: nothing collected
        code = 0
    return Result(pins.name, code, time.monotonic() - began, counts, slowest)


def side_by_side(jobs):
    """Runs the functions in threads of their own; returns their results in order."""
    with ThreadPoolExecutor(len(jobs)) as pool:
        return [future.result() for future in [pool.submit(job) for job in jobs]]


def lint(root, pins):
    began = time.monotonic()
    python = environments.ensure(root, pins, root / "requirements" / "test.txt", MATTING)
    code = stream([python, "-m", "ruff", "check", "."], "ruff ", root, {})
    return Result("ruff", code, time.monotonic() - began)


# The table --------------------------------------------------------------------------------------------------------

def table(results):
    """The results as text, one line for each, then what took longest."""
    lines = [f"{'':8}{'passed':>8}{'failed':>8}{'errors':>8}{'skipped':>9}{'seconds':>9}"]
    for result in results:
        counts = result.counts
        passed = counts.get("tests", 0) - sum(counts.get(name, 0) for name in ("failures", "errors", "skipped"))
        cells = [passed, counts.get("failures", 0), counts.get("errors", 0), counts.get("skipped", 0)]
        text = "".join(f"{cell:>{width}}" for cell, width in zip(cells, (8, 8, 8, 9), strict=True))
        verdict = "" if result.code == 0 else f"   FAILED (exit code {result.code})"
        lines.append(f"{result.name:8}{text if counts else ' ' * 33}{result.seconds:9.0f}{verdict}")
    for result in results:
        lines += [f"slowest, {result.name}: {seconds:6.1f} s  {name}" for seconds, name in result.slowest]
    return "\n".join(lines)


def lanes_of(args):
    """The environments to run in; one that has tests of its own is left out when others are named."""
    names = [[args.env]] if args.env else LANES
    lanes = [[environments.PINS[name] for name in lane] for lane in names]
    return lanes if args.env else [[pins for pins in lane if not (args.paths and pins.paths)] for lane in lanes]


def run_tests(root, args):
    """Everything that CI runs. Returns 0 when all of it passed."""
    began = time.monotonic()
    lanes = lanes_of(args)
    reason = ensure_browser()
    if reason:
        print(f"browser tests will be skipped: {reason}", flush=True)
    env = {"RELIGHT_TEST_THREADS": "1" if len(lanes) > 1 else "2", "RELIGHT_NO_BROWSER": reason or ""}
    done = side_by_side([lambda lane=lane: [run_suite(root, args, pins, env) for pins in lane] for lane in lanes])
    results = [result for lane in done for result in lane]
    if not args.expression and not args.paths:
        results.append(lint(root, lanes[0][0]))
    print("\n" + table(results))
    failed = [result.name for result in results if result.code]
    print(f"{time.monotonic() - began:.0f} s in all: " + (f"FAILED ({', '.join(failed)})" if failed else "all passed"))
    return 1 if failed else 0
