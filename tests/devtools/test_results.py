"""Reports of pytest and the table at the end of a test run."""

import sys
from collections import Counter

import pytest

REPORT = """<testsuites><testsuite tests="3" failures="1" errors="0" skipped="1">
<testcase classname="tests.a" name="one" time="0.5"/><testcase classname="tests.a" name="two" time="2.5"/>
<testcase classname="tests.b" name="three" time="0.1"/></testsuite></testsuites>"""


@pytest.fixture
def results(dev):
    return sys.modules["results"]


def test_a_report_is_counted(results, tmp_path):
    path = tmp_path / "report.xml"
    path.write_text(REPORT)
    counts, cases = results.read_report(path)
    assert counts == {"tests": 3, "failures": 1, "errors": 0, "skipped": 1}
    assert cases == [(0.5, "tests.a::one"), (2.5, "tests.a::two"), (0.1, "tests.b::three")]
    assert results.read_report(tmp_path / "none.xml") == ({}, [])


def test_the_table_has_a_line_for_each_and_the_ten_slowest_of_all(results):
    counts = Counter(tests=20, failures=1, skipped=2)
    forge = results.Result("forge", 1, 12.4, counts, [(float(second), f"a::{second}") for second in range(20)])
    neo = results.Result("neo", 0, 5.0, Counter(tests=3), [(18.5, "b::x")])
    lines = results.table([forge, neo, results.Result("ruff", 0, 1.0)]).splitlines()
    assert lines[1].split() == ["forge", "17", "1", "0", "2", "12", "FAILED", "(exit", "code", "1)"]
    assert lines[2].split() == ["neo", "3", "0", "0", "0", "5"] and lines[3].split() == ["ruff", "1"]
    slowest = [line for line in lines if line.startswith("slowest:")]
    assert len(slowest) == 10 and [line.split()[-1] for line in slowest[:3]] == ["a::19", "b::x", "a::18"]
    assert lines[-1] == "20 passed, 1 failed, 2 skipped"


def test_parts_are_added_up(results):
    parts = [results.Result("neo", 0, 2.0, Counter(tests=3), [(1.0, "a")]), results.Result("neo", 5, 1.0),
             results.Result("neo", 1, 1.0, Counter(tests=1, failures=1), [(2.0, "b")]), results.Result("forge", 3, 1.0)]
    neo, forge = results.merged(parts, may_be_empty=False)
    assert (neo.code, neo.seconds, neo.counts["tests"], len(neo.cases)) == (1, 4.0, 4, 2)
    assert (forge.name, forge.code) == ("forge", 3), "a process that died without a report has failed"


@pytest.mark.parametrize(("allowed", "code"), [(False, 5), (True, 0)])
def test_no_test_at_all_is_a_failure_unless_allowed(results, allowed, code):
    assert results.merged([results.Result("neo", 5, 1.0)], allowed)[0].code == code
