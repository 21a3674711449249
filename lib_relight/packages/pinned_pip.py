"""Installs packages into the host's environment without changing any package that is already installed.

Hosts pin dozens of packages and restore them at their next start, so a plain `pip install` may break them or be undone.
Here every installed distribution becomes a constraint, pip only resolves (--dry-run), and its result is installed by exact
version with `--no-deps`.
"""

from __future__ import annotations

import importlib.metadata
import importlib.util
import json
import os
import re
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path

Pip = Callable[[list[str]], "tuple[bool, str]"]
"""Runs pip with these arguments; returns (exit status is 0, output)."""

TWINS = (
    frozenset({"opencv-python", "opencv-python-headless", "opencv-contrib-python", "opencv-contrib-python-headless"}),
    frozenset({"onnxruntime", "onnxruntime-gpu", "onnxruntime-directml", "onnxruntime-openvino", "onnxruntime-rocm",
               "onnxruntime-migraphx", "onnxruntime-silicon", "onnxruntime-training", "onnxruntime-qnn", "ort-nightly"}),
)
"""Distributions that write the same files: installing one over the other damages it without a change of version."""

WHEELS = "--only-binary=:all:"
NETWORK_LIMITS = ["--retries=1", "--timeout=20"]
ANY_PYTHON = "--ignore-requires-python"
"""For a wheel of which only a file is read; uv needs no such option for a pinned one."""
TIMEOUT_SECONDS = 1800
UV_ADDS = re.compile(r"^ \+ (\S+?)==(\S+)", re.MULTILINE)
NO_NETWORK = ("failed to establish a new connection", "name resolution", "network is unreachable",
              "max retries exceeded", "connection refused", "timed out", "proxyerror", "failed to fetch", "client error")
VERSION = re.compile(r"^(\d+!)?\d+(\.\d+)*((a|b|rc)\d+)?(\.post\d+)?(\.dev\d+)?(\+[a-z0-9.]+)?$", re.IGNORECASE)


class InstallError(Exception):
    """Nothing was installed; the text is the reason, as a clause of a sentence."""


@dataclass
class Report:
    """The result of an installation: versions by canonical name."""

    added: dict[str, str] = field(default_factory=dict)
    changed: dict[str, tuple[str, str | None]] = field(default_factory=dict)
    left_out: list[str] = field(default_factory=list)

    def message(self) -> str:
        text = f"Installed {joined(self.added) or 'nothing'}; no other package was changed."
        if self.changed:
            moves = ", ".join(f"{name} {old} -> {new or 'gone'}" for name, (old, new) in self.changed.items())
            back = " ".join(f"{name}=={old}" for name, (old, _) in self.changed.items())
            text = (f"Installed {joined(self.added) or 'nothing'}, but other packages changed meanwhile: {moves}; put them back "
                    f'with "{sys.executable}" -m pip install --no-deps {back}')
        if self.left_out:
            text += f" Left out, because their twin is installed: {', '.join(self.left_out)}."
        return text


def joined(versions: dict[str, str]) -> str:
    return ", ".join(f"{name} {version}" for name, version in versions.items())


def canonical(name: str) -> str:
    return re.sub(r"[-_.]+", "-", name).lower()


def installed() -> dict[str, str]:
    """Return the version of every distribution by canonical name; of duplicates the one that `import` finds."""
    versions: dict[str, str] = {}
    for dist in importlib.metadata.distributions():
        name, version = dist.metadata["Name"], dist.metadata["Version"]
        if name and version and not name.startswith("~"):  # pip leaves ~ folders behind when Windows locks a file
            versions.setdefault(canonical(name), version)
    return versions


def constraint_lines(versions: dict[str, str]) -> list[str]:
    """Return `name==version` lines; versions that pip cannot parse are left out."""
    return [f"{name}=={version}" for name, version in sorted(versions.items()) if VERSION.match(version)]


def run_pip(arguments: list[str]) -> tuple[bool, str]:
    """Run pip of this interpreter, or uv if the environment was created by uv and has no pip."""
    if importlib.util.find_spec("pip") is None and shutil.which("uv"):
        return run_uv(arguments)
    return run([sys.executable, "-m", "pip", *arguments])


def run(command: list[str]) -> tuple[bool, str]:
    """Return (exit status is 0, output). Uses Popen: Forge Neo replaces subprocess.run by one that turns pip into uv."""
    environment = os.environ | {"PIP_DISABLE_PIP_VERSION_CHECK": "1", "PIP_NO_INPUT": "1"}
    try:
        with subprocess.Popen(command, env=environment, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                              stderr=subprocess.STDOUT, text=True, encoding="utf-8", errors="replace") as process:
            try:
                text, _ = process.communicate(timeout=TIMEOUT_SECONDS)
            except BaseException:
                process.kill()
                raise
    except (OSError, subprocess.TimeoutExpired) as error:
        return False, f"ERROR: {error}"
    return process.returncode == 0, text


def run_uv(arguments: list[str]) -> tuple[bool, str]:
    """Run uv, which has neither --report nor pip's retry options: its list of additions becomes the report.

    That list has no dependencies, so a package that is installed alone comes without those it lacks.
    """
    words = [word for word in arguments if word not in (*NETWORK_LIMITS, ANY_PYTHON, "--quiet")]
    report = None
    if "--report" in words:
        at = words.index("--report")
        report = Path(words[at + 1])
        del words[at:at + 2]
    if words[0] == "download":  # uv has none: it installs into that folder, which nothing imports from
        words = ["install", *("--target" if word == "-d" else word for word in words[1:])]
    ok, text = run(["uv", "pip", words[0], "--python", sys.executable, "--color=never", *words[1:]])
    if ok and report is not None:
        items = [{"metadata": {"name": name, "version": version}} for name, version in UV_ADDS.findall(text)]
        report.write_text(json.dumps({"install": items}), "utf-8")
    return ok, text


class Planner:
    """Resolves requirements with pip under the constraints; installs nothing."""

    def __init__(self, pip: Pip, before: dict[str, str], folder: Path):
        self.pip = pip
        self.before = before
        self.report = folder / "report.json"
        self.constraints = folder / "constraints.txt"
        self.constraints.write_text("\n".join(constraint_lines(before)) + "\n", "utf-8")

    def ask(self, requirements: Iterable[str], *, alone: bool = False) -> list[dict] | None:
        """Return metadata of the packages to install, or None if the constraints cannot be met.

        alone: each package without its dependencies. Raises InstallError if pip cannot run.
        """
        self.report.unlink(missing_ok=True)
        extra = ["--no-deps"] if alone else []
        ok, text = self.pip(["install", "--dry-run", "--quiet", "--report", str(self.report), WHEELS, *NETWORK_LIMITS, *extra,
                             "-c", str(self.constraints), *requirements])
        if ok and self.report.is_file():
            return [item["metadata"] for item in json.loads(self.report.read_text("utf-8"))["install"]]
        raise_if_permanent(ok, text)
        return None

    def plan(self, requirements: Iterable[str]) -> dict[str, dict]:
        """Return canonical name -> metadata of all packages to install. One that conflicts with a pin is installed without its
        dependencies, except for those that are missing altogether."""
        requirements = list(requirements)
        together = self.ask(requirements)
        if together is not None:
            return {canonical(item["name"]): item for item in together}
        wanted: dict[str, dict] = {}
        while requirements:
            requirement = requirements.pop(0)
            items = self.ask([requirement])
            if items is None:
                items = self.ask([requirement], alone=True)
                if items is None:
                    raise InstallError(f"pip finds no version of {requirement} that fits")
                present = {**self.before, **wanted}
                requirements += [name for item in items
                                 for name in missing_requirements(item.get("requires_dist") or (), present)]
            wanted.update((canonical(item["name"]), item) for item in items)
        return wanted


def raise_if_permanent(ok: bool, text: str) -> None:
    """Raise InstallError for what a retry cannot fix: no pip, an old pip, no network, a managed environment."""
    lower = text.lower()
    if "no module named pip" in lower:
        raise InstallError("this Python has no pip (python -m ensurepip adds it)")
    if "no such option" in lower or ok:
        raise InstallError("this pip is older than 22.2 and has no --report (python -m pip install --upgrade pip)")
    if "externally-managed-environment" in lower:
        raise InstallError("this Python is managed by the system and does not accept packages")
    if any(sign in lower for sign in NO_NETWORK):
        raise InstallError("no connection to the package index")
    if "from versions: none" in lower:
        raise InstallError("the package index cannot be reached, or has no build for Python "
                           f"{sys.version_info.major}.{sys.version_info.minor}")


def missing_requirements(requires: Iterable[str], present: Mapping[str, str]) -> list[str]:
    """Return the requirements of which no version is installed, and what the installed ones lack: another extension may have
    installed one with --no-deps. Other versions are left unchanged."""
    try:
        from packaging.requirements import Requirement
    except ImportError:
        from pip._vendor.packaging.requirements import Requirement

    missing, seen, pending = [], set(), list(requires)
    while pending:
        required = Requirement(pending.pop(0))
        name = canonical(required.name)
        if name in seen or required.marker is not None and not required.marker.evaluate({"extra": ""}):
            continue
        seen.add(name)
        if name in present:
            pending += requirements_of(name)
        elif not twin_of(name, present):
            missing.append(f"{required.name}{required.specifier}")
    return missing


def requirements_of(name: str) -> list[str]:
    """Return the requirements of an installed distribution; none of one that is about to be installed."""
    try:
        return importlib.metadata.requires(name) or []
    except importlib.metadata.PackageNotFoundError:
        return []


def twin_of(name: str, present: Iterable[str]) -> str | None:
    """Return the installed distribution that writes the same files as name."""
    for family in TWINS:
        if name in family:
            return next((other for other in present if other in family and other != name), None)
    return None


def last_error(text: str) -> str:
    """Return the last error line of pip's output."""
    lines = [line.split("ERROR:", 1)[1].strip() for line in text.splitlines() if "ERROR:" in line]
    return (lines or [line.strip() for line in text.splitlines() if line.strip()] or ["no output"])[-1][:300]


def install(requirements: Iterable[str], pip: Pip = run_pip, apply: Pip | None = None) -> Report:
    """Install requirements without changing any installed version, and compare all versions before and after.

    pip resolves; apply (default: pip) installs the result. Raises InstallError if either fails.
    """
    before = installed()
    report = Report()
    with tempfile.TemporaryDirectory(prefix="relight-") as folder:
        wanted = Planner(pip, before, Path(folder)).plan(requirements)
    exact = []
    for name, metadata in wanted.items():
        if name in before or twin_of(name, before):
            report.left_out += [] if name in before else [f"{name} ({twin_of(name, before)})"]
        else:
            exact.append(f"{metadata['name']}=={metadata['version']}")
    if exact:
        ok, text = (apply or pip)(["install", "--no-deps", "--quiet", WHEELS, *exact])  # flags that uv also has
        if not ok:
            raise InstallError(f"pip failed: {last_error(text)}")
    importlib.invalidate_caches()
    return compare(before, installed(), report)


def compare(before: dict[str, str], after: dict[str, str], report: Report) -> Report:
    report.added = {name: version for name, version in sorted(after.items()) if name not in before}
    report.changed = {name: (version, after.get(name)) for name, version in before.items() if after.get(name) != version}
    return report
