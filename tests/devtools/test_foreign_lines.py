"""The comparison with other projects' files, on small made-up trees."""

import importlib.util
import json
import sys
from pathlib import Path

import pytest

PATH = Path(__file__).resolve().parents[2] / "devtools/foreign_lines.py"
THEIRS = '''import collections.abc as abstract_types

class Sampler:
    def sample_latents(self, conditioning, steps):
        self.latents_of_this_pass = conditioning
        if steps:
            return 1
        return 0
'''


@pytest.fixture(scope="module")
def foreign_lines():
    spec = importlib.util.spec_from_file_location("foreign_lines", PATH)
    module = importlib.util.module_from_spec(spec)
    sys.modules[spec.name] = module
    spec.loader.exec_module(module)
    yield module
    del sys.modules[spec.name]


@pytest.fixture
def compare(foreign_lines, tmp_path):
    """Compares a file of ours with THEIRS; returns (kind, PATH:LINE here, number of lines) of lines and of runs."""
    (tmp_path / "theirs/sub").mkdir(parents=True)
    (tmp_path / "theirs/sub/a.py").write_text(THEIRS)

    def run(source, name="ours.py", allowed=None):
        (tmp_path / name).write_text(source)
        (tmp_path / "allowed.json").write_text(json.dumps(allowed or {}))
        found = foreign_lines.compare(tmp_path, [name], tmp_path / "theirs", foreign_lines.AllowList(tmp_path / "allowed.json"))
        return [[(hit.kind, hit.where, len(hit.lines)) for hit in hits] for hits in found]

    return run


def test_our_own_lines_are_no_hits(compare):
    assert compare("class Other:\n    def sample(self):\n        return 2\n") == [[], []]


def test_a_declaration_and_a_statement_are_told_apart(compare):
    ours = "class Mine:\n    def sample_latents(self,  conditioning, steps):\n        x = 1\n\n" \
           "        self.latents_of_this_pass  =  conditioning\n"
    assert compare(ours)[0] == [("declaration", "ours.py:2", 1), ("statement", "ours.py:5", 1)]


def test_short_lines_count_in_runs_of_three(compare):
    ours = "def f(steps, latents):\n    if steps:\n\n        return 1\n    return 0\n    steps = 3\n"
    assert compare(ours) == [[], [("statement", "ours.py:2", 3)]]
    assert compare("if steps:\n    1\n") == [[], []]


def test_equal_windows_are_one_run(compare):
    assert compare(THEIRS)[1] == [("statement", "ours.py:1", 7)]


@pytest.mark.parametrize("group", [{"lines": ["self.latents_of_this_pass = conditioning"]},
                                   {"patterns": [r"self\.latents\w+ = \w+"]}])
def test_the_allow_list_takes_lines_and_patterns(compare, group):
    ours = "def f(self, conditioning):\n    self.latents_of_this_pass = conditioning\n"
    assert compare(ours, allowed={"sampler attributes": group})[0] == [("allowed", "ours.py:2", 1)]


def test_scripts_for_the_browser_are_compared_too(compare, tmp_path):
    line = 'const values = document.querySelectorAll("input");\n'
    (tmp_path / "theirs/page.js").write_text(f"export function readTheValuesOfThePage() {{\n{line}}}\n")
    found = compare(f"export function readTheValuesOfThePage() {{\n    {line}}}\n", "ours.js")
    assert found[0] == [("declaration", "ours.js:1", 1), ("statement", "ours.js:2", 1)]


@pytest.mark.parametrize(("source", "code"), [("", 0), ("conditions = [self.latents_of_this_pass]\n", 1)])
def test_a_statement_that_is_left_gives_exit_code_1(foreign_lines, tmp_path, monkeypatch, capsys, source, code):
    for folder in ("theirs", "ours"):
        (tmp_path / folder).mkdir()
        (tmp_path / folder / "a.py").write_text(source)
    monkeypatch.setattr(foreign_lines, "ROOT", tmp_path)
    monkeypatch.setattr(foreign_lines, "tracked_files", lambda root, folders: ["ours/a.py"])
    assert foreign_lines.main([str(tmp_path / "theirs")]) == code
    assert f"theirs: {code} equal lines (declarations 0 allowed 0 statements {code})" in capsys.readouterr().out


def test_the_allow_list_names_an_interface_for_each_entry(foreign_lines):
    groups = json.loads(foreign_lines.ALLOWED.read_text("utf-8"))
    assert all(name and set(group) <= {"lines", "patterns"} for name, group in groups.items())
    entries = [entry for group in groups.values() for entries in group.values() for entry in entries]
    assert len(entries) == len(set(entries))
