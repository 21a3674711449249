"""`dev.py models`: lists the known model files, downloads one, and checks what lies in a folder."""

from __future__ import annotations

import difflib
import json
import sys
from dataclasses import asdict
from pathlib import Path
from typing import Any

from ...lib_relight.base.errors import RelightError
from ...lib_relight.base.known_files import KnownFile, known_files
from ...lib_relight.models.download import download, sha256_of
from ...lib_relight.models.inspection import FileReport, inspect, model_files
from .session import ROOT

MODELS = ROOT / "models"
WHOLE = {True: "whole", False: "BROKEN", None: "hash not known"}


def run(args: Any) -> int:
    """args: action list, get or check, with their options. Returns the exit code; 1 if `check` finds a broken file."""
    return {"list": list_files, "get": get, "check": check}[args.action or "list"](args)


def list_files(args: Any) -> int:
    present = [path for folder in args.dirs or [MODELS] for path in model_files(folder)]
    rows = [{**asdict(file), "source": file.source, "found": str(path) if (path := found(file, present)) else None}
            for file in known_files().values()]
    if args.json:
        print(json.dumps(rows))
        return 0
    for row in rows:
        size = f"{row['megabytes']:,} MB" if row["megabytes"] else "?"
        print(f"{row['name']:<40} {row['kind']:<16} {size:>9}  {row['found'] or 'missing'}  ({row['licence']})")
    return 0


def found(file: KnownFile, present: list[Path]) -> Path | None:
    """Return the first of these files with the known file's name or, whatever its name, its exact size."""
    sizes = {path: path.stat().st_size for path in present}
    return next((path for path in present if path.name == file.file or file.size == sizes[path]), None)


def known(name: str) -> KnownFile:
    """Return a known file by its name or file name. Raises RelightError with the nearest names."""
    for file in known_files().values():
        if name.lower() in (file.name.lower(), file.file.lower()):
            return file
    near = difflib.get_close_matches(name, known_files(), 3, 0.3)
    raise RelightError(f"there is no known model file {name!r}; did you mean {', '.join(near) or 'one of `dev.py models`'}?")


def get(args: Any) -> int:
    file = known(args.name)
    if not file.commercial and not args.accept_licence:
        raise RelightError(f"{file.file} is {file.licence}; read {file.source} and add --accept-licence.")
    path = download(file, args.to or MODELS / file.folder, show_progress)
    if args.json:
        print(json.dumps({"name": file.name, "path": str(path), "size": path.stat().st_size, "sha256": sha256_of(path)}))
    else:
        needs = f"\nit also needs: {', '.join(file.needs)}" if file.needs else ""
        print(f"{path} ({file.licence}){needs}")
    return 0


def show_progress(done: int, total: int) -> None:
    if sys.stderr.isatty():
        print(f"\r{done / 1e6:,.0f} of {total / 1e6:,.0f} MB", end="" if done < total else "\n", file=sys.stderr, flush=True)


def check(args: Any) -> int:
    reports = [inspect(path) for path in model_files(args.dir or MODELS)]
    if args.json:
        print(json.dumps([{**asdict(report), "path": str(report.path)} for report in reports]))
    else:
        print("\n".join(map(line_of, reports)) or f"no model files in {args.dir or MODELS}")
    return 1 if any(report.whole is False for report in reports) else 0


def line_of(report: FileReport) -> str:
    details = (f"for {report.fits}" if report.fits else "", report.known, WHOLE[report.whole], report.message)
    return f"{report.path}: {report.what} ({', '.join(filter(None, details))})"
