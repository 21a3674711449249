"""Compares our source files with another project's checkout and lists equal lines and equal runs of lines.

    python devtools/foreign_lines.py CHECKOUT [--ours DIR ...] [--list]

A line counts from 30 characters on (white space collapsed), a run from three consecutive lines with a word in them.
A hit is a declaration (import, decorator, class or def signature, typed field of a class), allowed (the list in
foreign_lines_allowed.json names the interface that prescribes it) or a statement. The exit code is 1 when a statement
is left.
"""

from __future__ import annotations

import argparse
import ast
import json
import re
import subprocess
import sys
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
ALLOWED = Path(__file__).with_name("foreign_lines_allowed.json")
SUFFIXES = {".py", ".js", ".mjs"}
SHORTEST_LINE = 30
SHORTEST_RUN = 3
JS_DECLARATION = re.compile(r"(export |default |async )*(import|class|function)\b|export [{*]")


@dataclass(frozen=True)
class Line:
    """One line with a word in it: 1-based number, text with its white space collapsed, whether it declares something."""

    number: int
    text: str
    declares: bool = False


@dataclass(frozen=True)
class Hit:
    """Equal lines. kind: declaration, allowed or statement; where and theirs: PATH:LINE here and in the checkout."""

    kind: str
    where: str
    theirs: str
    lines: tuple[str, ...]

    def __str__(self) -> str:
        return f"{self.kind:11} {self.where}  =  {self.theirs}\n" + "\n".join(f"    {text}" for text in self.lines)


def declared_rows(source: str) -> set[int]:
    """The numbers of the lines of a Python file that hold imports, decorators, signatures or a class' typed fields."""
    rows: set[int] = set()
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, (ast.Import, ast.ImportFrom)):
            rows.update(range(node.lineno, node.end_lineno + 1))
        elif isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef)):
            start = min((item.lineno for item in node.decorator_list), default=node.lineno)
            rows.update(range(start, max(node.body[0].lineno, node.lineno + 1)))
            rows.update(item.lineno for item in node.body if isinstance(item, ast.AnnAssign)
                        and isinstance(item.value, (ast.Constant, type(None))))
    return rows


def read_lines(path: Path, classify: bool = False) -> list[Line]:
    """The lines of a file that have a word in them; `classify` marks those that declare something."""
    source = path.read_text("utf-8", errors="replace")
    rows = declared_rows(source) if classify and path.suffix == ".py" else set()
    texts = ((number, " ".join(text.split())) for number, text in enumerate(source.split("\n"), 1))
    return [Line(number, text, number in rows or path.suffix != ".py" and bool(JS_DECLARATION.match(text)))
            for number, text in texts if re.search(r"\w", text)]


def windows(lines: list[Line]) -> Iterator[tuple[int, tuple[str, ...]]]:
    """(index, texts) of every run of the shortest length."""
    for index in range(len(lines) - SHORTEST_RUN + 1):
        yield index, tuple(line.text for line in lines[index:index + SHORTEST_RUN])


class Checkout:
    """Where the lines and runs that interest us are found first in another project's files."""

    def __init__(self, root: Path, lines: set[str], runs: set[tuple[str, ...]]):
        self.lines: dict[str, str] = {}
        self.runs: dict[tuple[str, ...], str] = {}
        for path in sorted(path for path in root.rglob("*") if path.suffix in SUFFIXES and path.is_file()):
            theirs, name = read_lines(path), path.relative_to(root).as_posix()
            for line in theirs:
                if line.text in lines:
                    self.lines.setdefault(line.text, f"{name}:{line.number}")
            for index, texts in windows(theirs):
                if texts in runs:
                    self.runs.setdefault(texts, f"{name}:{theirs[index].number}")


class AllowList:
    """The lines that an interface prescribes, read from {interface: {"lines": [...], "patterns": [...]}}."""

    def __init__(self, path: Path):
        groups = json.loads(path.read_text("utf-8")).values() if path.exists() else ()
        self.lines = {" ".join(line.split()) for group in groups for line in group.get("lines", ())}
        self.patterns = [re.compile(pattern) for group in groups for pattern in group.get("patterns", ())]

    def kind(self, line: Line) -> str:
        if line.declares:
            return "declaration"
        allowed = line.text in self.lines or any(pattern.fullmatch(line.text) for pattern in self.patterns)
        return "allowed" if allowed else "statement"


def line_hits(name: str, lines: list[Line], checkout: Checkout, allowed: AllowList) -> Iterator[Hit]:
    """The longer lines of one of our files that the checkout has as well."""
    for line in lines:
        if len(line.text) >= SHORTEST_LINE and line.text in checkout.lines:
            yield Hit(allowed.kind(line), f"{name}:{line.number}", checkout.lines[line.text], (line.text,))


def run_hits(name: str, lines: list[Line], checkout: Checkout, allowed: AllowList) -> Iterator[Hit]:
    """The longest runs of lines of one of our files of which the checkout has every window."""
    index, end = 0, len(lines)
    found = {start: checkout.runs[texts] for start, texts in windows(lines) if texts in checkout.runs}
    while index < end:
        if index not in found:
            index += 1
            continue
        start = index
        while index in found:
            index += 1
        run = lines[start:index + SHORTEST_RUN - 1]
        kinds = {allowed.kind(line) for line in run}
        kind = next(kind for kind in ("statement", "allowed", "declaration") if kind in kinds)
        yield Hit(kind, f"{name}:{run[0].number}", found[start], tuple(line.text for line in run))


def compare(root: Path, files: list[str], checkout_root: Path, allowed: AllowList) -> tuple[list[Hit], list[Hit]]:
    """(equal lines, equal runs) of our files, named relative to root, and a checkout's."""
    ours = {name: read_lines(root / name, classify=True) for name in files}
    lines = {line.text for each in ours.values() for line in each if len(line.text) >= SHORTEST_LINE}
    checkout = Checkout(checkout_root, lines, {texts for each in ours.values() for _, texts in windows(each)})
    return ([hit for name, each in ours.items() for hit in line_hits(name, each, checkout, allowed)],
            [hit for name, each in ours.items() for hit in run_hits(name, each, checkout, allowed)])


def tracked_files(root: Path, folders: list[str]) -> list[str]:
    """The source files in git's index, relative to root, below the named folders."""
    names = subprocess.check_output(["git", "ls-files", "-z", "--", *folders], cwd=root, text=True).split("\0")
    return [name for name in names if Path(name).suffix in SUFFIXES and (root / name).exists()]


def summary(title: str, lines: list[Hit], runs: list[Hit]) -> str:
    """One line with the counts of each kind."""
    counts = [Counter(hit.kind for hit in hits) for hits in (lines, runs)]
    cells = [" ".join(f"{kind}s {count[kind]}" if kind != "allowed" else f"allowed {count[kind]}"
                      for kind in ("declaration", "allowed", "statement")) for count in counts]
    return f"{title}: {len(lines)} equal lines ({cells[0]}), {len(runs)} equal runs ({cells[1]})"


def main(argv: list[str] | None = None) -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("checkout", type=Path, help="the other project's work tree")
    parser.add_argument("--ours", nargs="*", default=[], metavar="DIR", help="only these folders or files (default: all)")
    parser.add_argument("--list", action="store_true", help="print declarations and allowed lines as well")
    args = parser.parse_args(argv)
    if not args.checkout.is_dir():
        parser.error(f"there is no folder {args.checkout}")
    lines, runs = compare(ROOT, tracked_files(ROOT, args.ours), args.checkout, AllowList(ALLOWED))
    for hit in (*lines, *runs):
        if args.list or hit.kind == "statement":
            print(hit)
    print(summary(args.checkout.name, lines, runs))
    return int(any(hit.kind == "statement" for hit in (*lines, *runs)))


if __name__ == "__main__":
    sys.exit(main())
