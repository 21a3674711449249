"""`dev.py models`: lists the known model files, downloads one, and checks what lies in a folder."""

from __future__ import annotations

import json
import sys
from dataclasses import asdict
from typing import Any

from ...lib_relight.base.errors import RelightError
from ...lib_relight.base.known_files import known_files
from ...lib_relight.models.catalogue import known, located
from ...lib_relight.models.download import download
from ...lib_relight.models.inspection import FileReport, inspect, model_files
from ...lib_relight.models.integrity import sha256_of
from .session import ROOT

MODELS = ROOT / "models"
WHOLE = {True: "whole", False: "BROKEN", None: "hash not known"}


def run(args: Any) -> int:
    """args: action list, get or check, with their options. Returns the exit code; 1 if `check` finds a broken file."""
    return {"list": list_files, "get": get, "check": check}[args.action or "list"](args)


def list_files(args: Any) -> int:
    present = [path for folder in args.dirs or [MODELS] for path in model_files(folder)]
    found = located(present)
    rows = [{**asdict(file), "source": file.source, "found": str(found[name]) if name in found else None}
            for name, file in known_files().items()]
    if args.json:
        print(json.dumps(rows))
        return 0
    for row in rows:
        size = f"{row['megabytes']:,} MB" if row["megabytes"] else "?"
        print(f"{row['name']:<40} {row['kind']:<16} {size:>9}  {row['found'] or 'missing'}  ({row['licence']})")
    return 0


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
