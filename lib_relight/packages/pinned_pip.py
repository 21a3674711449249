"""Adds packages to an environment that belongs to somebody else: nothing that is already installed is touched.

Hosts pin dozens of packages and put them back at their next start, so a plain `pip install` may break them or be undone.
Here every installed distribution becomes a constraint, pip only plans, and what it planned is installed by exact version
with `--no-deps`.
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
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from pathlib import Path

Pip = Callable[[list[str]], "tuple[bool, str]"]
"""Runs pip with these arguments; returns (exit status is 0, what it printed)."""

TWINS = (
    frozenset({"opencv-python", "opencv-python-headless", "opencv-contrib-python", "opencv-contrib-python-headless"}),
    frozenset({"onnxruntime", "onnxruntime-gpu", "onnxruntime-directml", "onnxruntime-openvino", "onnxruntime-rocm",
               "onnxruntime-migraphx", "onnxruntime-silicon", "onnxruntime-training", "onnxruntime-qnn", "ort-nightly"}),
)
"""Distributions that write the same files: installing one beside the other damages it, without any version changing."""

WHEELS = "--only-binary=:all:"
PATIENCE = ["--retries=1", "--timeout=20"]
PATIENCE_SECONDS = 1800
UV_ADDS = re.compile(r"^ \+ (\S+?)==(\S+)", re.MULTILINE)
NO_NETWORK = ("failed to establish a new connection", "name resolution", "network is unreachable",
              "max retries exceeded", "connection refused", "timed out", "proxyerror", "failed to fetch", "client error")
VERSION = re.compile(r"^(\d+!)?\d+(\.\d+)*((a|b|rc)\d+)?(\.post\d+)?(\.dev\d+)?(\+[a-z0-9.]+)?$", re.IGNORECASE)


class InstallError(Exception):
    """Nothing was installed; the text says why, as a clause that fits into a sentence."""


@dataclass
class Report:
    """What an installation did: versions by canonical name."""

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
    """Version of every distribution by canonical name; of two with one name the one that `import` finds."""
    versions: dict[str, str] = {}
    for dist in importlib.metadata.distributions():
        name, version = dist.metadata["Name"], dist.metadata["Version"]
        if name and version and not name.startswith("~"):  # pip leaves ~ folders behind when Windows locks a file
            versions.setdefault(canonical(name), version)
    return versions


def constraint_lines(versions: dict[str, str]) -> list[str]:
    """`name==version` lines; versions that pip would not read (old home-made ones) are left out."""
    return [f"{name}=={version}" for name, version in sorted(versions.items()) if VERSION.match(version)]


def run_pip(arguments: list[str]) -> tuple[bool, str]:
    """pip of the running interpreter, or uv where the environment was made by uv and has no pip."""
    if importlib.util.find_spec("pip") is None and shutil.which("uv"):
        return run_uv(arguments)
    return run([sys.executable, "-m", "pip", *arguments])


def run(command: list[str]) -> tuple[bool, str]:
    """(exit status is 0, output). By Popen: Forge Neo replaces subprocess.run by one that turns pip into uv."""
    environment = os.environ | {"PIP_DISABLE_PIP_VERSION_CHECK": "1", "PIP_NO_INPUT": "1"}
    try:
        with subprocess.Popen(command, env=environment, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                              stderr=subprocess.STDOUT, text=True, encoding="utf-8", errors="replace") as process:
            try:
                text, _ = process.communicate(timeout=PATIENCE_SECONDS)
            except BaseException:
                process.kill()
                raise
    except (OSError, subprocess.TimeoutExpired) as error:
        return False, f"ERROR: {error}"
    return process.returncode == 0, text


def run_uv(arguments: list[str]) -> tuple[bool, str]:
    """The same by uv, which knows neither --report nor pip's patience: its list of additions becomes the report.

    It does not say what a package needs, so that one taken alone comes without the parts it lacks.
    """
    words = [word for word in arguments if word not in (*PATIENCE, "--quiet")]
    report = None
    if "--report" in words:
        at = words.index("--report")
        report = Path(words[at + 1])
        del words[at:at + 2]
    ok, text = run(["uv", "pip", words[0], "--python", sys.executable, "--color=never", *words[1:]])
    if ok and report is not None:
        items = [{"metadata": {"name": name, "version": version}} for name, version in UV_ADDS.findall(text)]
        report.write_text(json.dumps({"install": items}), "utf-8")
    return ok, text


class Planner:
    """Asks pip what it would install under the constraints; changes nothing."""

    def __init__(self, pip: Pip, before: dict[str, str], folder: Path):
        self.pip = pip
        self.before = before
        self.report = folder / "report.json"
        self.constraints = folder / "constraints.txt"
        self.constraints.write_text("\n".join(constraint_lines(before)) + "\n", "utf-8")

    def ask(self, requirements: Iterable[str], *, alone: bool = False) -> list[dict] | None:
        """Metadata of what is to be installed, or None when it cannot be had under the constraints.

        alone: each package without its dependencies. Raises InstallError when pip cannot work at all.
        """
        self.report.unlink(missing_ok=True)
        extra = ["--no-deps"] if alone else []
        ok, text = self.pip(["install", "--dry-run", "--quiet", "--report", str(self.report), WHEELS, *PATIENCE, *extra,
                             "-c", str(self.constraints), *requirements])
        if ok and self.report.is_file():
            return [item["metadata"] for item in json.loads(self.report.read_text("utf-8"))["install"]]
        check_curable(ok, text)
        return None

    def plan(self, requirements: Iterable[str]) -> dict[str, dict]:
        """Canonical name -> metadata of all that is needed. What clashes with a pin is taken alone, its lacking parts too."""
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
                requirements += [need for item in items for need in lacking_needs(item, {**self.before, **wanted})]
            wanted.update((canonical(item["name"]), item) for item in items)
        return wanted


def check_curable(ok: bool, text: str) -> None:
    """Raise for what another try cannot cure: no pip, an old pip, no network, an environment that is closed."""
    lower = text.lower()
    if "no module named pip" in lower:
        raise InstallError("this Python has no pip (python -m ensurepip adds it)")
    if "no such option" in lower or ok:
        raise InstallError("this pip is older than 22.2 and cannot plan (python -m pip install --upgrade pip)")
    if "externally-managed-environment" in lower:
        raise InstallError("this Python is managed by the system and refuses packages")
    if any(sign in lower for sign in NO_NETWORK):
        raise InstallError("no connection to the package index")
    if "from versions: none" in lower:
        raise InstallError("the package index cannot be reached, or has no build for Python "
                           f"{sys.version_info.major}.{sys.version_info.minor} ({last_error(text)})")


def lacking_needs(metadata: dict, present: dict) -> list[str]:
    """Requirements of a distribution of which no version is there; those that are there in another version are left alone."""
    try:
        from packaging.requirements import Requirement
    except ImportError:
        from pip._vendor.packaging.requirements import Requirement

    needs = []
    for text in metadata.get("requires_dist") or ():
        need = Requirement(text)
        if need.marker is None or need.marker.evaluate({"extra": ""}):
            if canonical(need.name) not in present and not twin_of(canonical(need.name), present):
                needs.append(f"{need.name}{need.specifier}")
    return needs


def twin_of(name: str, present: Iterable[str]) -> str | None:
    """The installed distribution that owns the same files as name would."""
    for family in TWINS:
        if name in family:
            return next((other for other in present if other in family and other != name), None)
    return None


def last_error(text: str) -> str:
    """pip's own last word."""
    lines = [line.split("ERROR:", 1)[1].strip() for line in text.splitlines() if "ERROR:" in line]
    return (lines or [line.strip() for line in text.splitlines() if line.strip()] or ["pip said nothing"])[-1][:300]


def install(requirements: Iterable[str], pip: Pip = run_pip, apply: Pip | None = None) -> Report:
    """Install requirements without changing any installed version, and compare all versions before and after.

    pip plans; apply (default: pip) carries the plan out. Raises InstallError when that is not possible.
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
        ok, text = (apply or pip)(["install", "--no-deps", "--quiet", WHEELS, *exact])  # flags that uv has as well
        if not ok:
            raise InstallError(f"pip failed: {last_error(text)}")
    importlib.invalidate_caches()
    return compare(before, installed(), report)


def compare(before: dict[str, str], after: dict[str, str], report: Report) -> Report:
    report.added = {name: version for name, version in sorted(after.items()) if name not in before}
    report.changed = {name: (version, after.get(name)) for name, version in before.items() if after.get(name) != version}
    return report
