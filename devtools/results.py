"""What the parts of a test run gave, and the table at its end."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, field
from pathlib import Path
from xml.etree import ElementTree

COUNTS = ("tests", "failures", "errors", "skipped")
SLOWEST = 10
NOTHING_COLLECTED = 5


@dataclass
class Result:
    """What one process gave, or all of an environment together.

    counts: tests, failures, errors, skipped; cases: (seconds, "module::test") of each test.
    """

    name: str
    code: int
    seconds: float
    counts: Counter = field(default_factory=Counter)
    cases: list[tuple[float, str]] = field(default_factory=list)


def read_report(path: Path) -> tuple[Counter, list[tuple[float, str]]]:
    """(counts, cases) of a JUnit file; empty when pytest ended before it wrote one."""
    counts: Counter = Counter()
    cases = []
    if path.exists():
        for suite in ElementTree.parse(path).getroot().iter("testsuite"):
            counts.update({name: int(suite.get(name, 0)) for name in COUNTS})
            for case in suite.iter("testcase"):
                cases.append((float(case.get("time", 0)), f"{case.get('classname')}::{case.get('name')}"))
    return counts, cases


def merged(parts: Iterable[Result], may_be_empty: bool) -> list[Result]:
    """One result for each name. A process without tests is no failure; an environment without any is, unless allowed."""
    wholes: dict[str, Result] = {}
    for part in parts:
        whole = wholes.setdefault(part.name, Result(part.name, 0, 0.0))
        whole.code = whole.code or (0 if part.code == NOTHING_COLLECTED else part.code)
        whole.seconds += part.seconds
        whole.counts.update(part.counts)
        whole.cases += part.cases
    for whole in wholes.values():
        if not whole.code and not whole.counts["tests"] and not may_be_empty:
            whole.code = NOTHING_COLLECTED
    return list(wholes.values())


def row(result: Result) -> str:
    """One line of the table."""
    failed = [result.counts[name] for name in COUNTS[1:]]
    cells = [result.counts["tests"] - sum(failed), *failed]
    text = "".join(f"{cell:>{width}}" for cell, width in zip(cells, (8, 8, 8, 9), strict=True))
    verdict = "" if result.code == 0 else f"   FAILED (exit code {result.code})"
    return f"{result.name:8}{text if result.counts else ' ' * 33}{result.seconds:9.0f}{verdict}"


def table(results: list[Result]) -> str:
    """The results as text: one line for each, then the slowest tests of all of them, then the sums."""
    lines = [f"{'':8}{'passed':>8}{'failed':>8}{'errors':>8}{'skipped':>9}{'seconds':>9}", *map(row, results)]
    cases = sorted(((*case, result.name) for result in results for case in result.cases), reverse=True)
    lines += [f"slowest: {seconds:6.1f} s  {name:7} {case}" for seconds, case, name in cases[:SLOWEST]]
    total = sum((result.counts for result in results), Counter())
    failed = total["failures"] + total["errors"]
    passed = total["tests"] - failed - total["skipped"]
    return "\n".join([*lines, f"{passed} passed, {failed} failed, {total['skipped']} skipped"])
