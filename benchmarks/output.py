"""Where a benchmark's text and figures go: the screen, and the files of --out and --json."""

from __future__ import annotations

import json
from typing import Any


def write(args: Any, text: str, report: dict[str, Any]) -> None:
    print(text)
    if args.out:
        args.out.write_text(text, "utf-8")
    if args.json:
        args.json.write_text(json.dumps(report, indent=1) + "\n", "utf-8")
