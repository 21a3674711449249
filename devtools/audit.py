"""Runs pip-audit on the packages that Relight itself installs: optional ones, tests' and linters'. Hosts audit their own pins.

Exits with 1 if a package has a known vulnerability; prints a line with SKIPPED if the data cannot be reached.
"""

from __future__ import annotations

import json
import re
import subprocess
import sys
import tempfile
from importlib import metadata
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
OPTIONAL = ("rembg", "onnxruntime")
"""Packages that lib_relight/packages installs at first use."""


def installed_versions() -> list[str]:
    """Return `name==version` of each audited package that is installed here."""
    lines = [line for name in ("test", "lint") for line in (ROOT / f"requirements/{name}.txt").read_text("utf-8").splitlines()]
    names = [*OPTIONAL, *(match[0] for line in lines if (match := re.match(r"[A-Za-z][\w.-]*", line)))]
    return [f"{name}=={metadata.version(name)}" for name in names if is_installed(name)]


def is_installed(name: str) -> bool:
    try:
        return bool(metadata.version(name))
    except metadata.PackageNotFoundError:
        return False


def summary(report: str) -> tuple[int, str]:
    """Return (exit code, line) for pip-audit's JSON report; text that is no JSON is its error message."""
    try:
        packages = json.loads(report)["dependencies"]
    except ValueError:
        return 0, f"SKIPPED pip-audit: its data cannot be reached ({report.strip()[-120:]})"
    audited = [package for package in packages if "vulns" in package]
    if not audited:
        return 0, "SKIPPED pip-audit: the package index has no vulnerability data"
    found = [f"{package['name']} {package['version']}: {known['id']}" for package in audited for known in package["vulns"]]
    return bool(found), "; ".join(found) or f"{len(audited)} packages have no known vulnerability"


def main() -> int:
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder) / "requirements.txt"
        file.write_text("\n".join(installed_versions()), "utf-8")
        options = ["--no-deps", "--disable-pip", "--progress-spinner", "off", "-f", "json", "-r", str(file)]
        done = subprocess.run([sys.executable, "-m", "pip_audit", *options], capture_output=True, text=True, timeout=300)
    code, line = summary(done.stdout or done.stderr)
    print(line)
    return code


if __name__ == "__main__":
    sys.exit(main())
