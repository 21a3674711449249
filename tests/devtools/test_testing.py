"""What `dev.py test` runs where, and its exit code."""

import sys
from collections import Counter
from pathlib import Path
from types import SimpleNamespace

import pytest


@pytest.fixture
def testing(dev):
    return dev.testing


PARTS = ("ruff", "pyright", "bandit", "audit")


@pytest.fixture
def environments(testing):
    """The names of the environments that run unless others are named."""
    return [pins.name for pins in testing.PINS.values() if not pins.only_named]


def options(**given):
    return SimpleNamespace(**{"env": None, "expression": None, "webui": None, "skip": [], "paths": [], **given})


def run_with(testing, monkeypatch, tmp_path, codes, **given):
    """run_tests with processes that are not started: codes are theirs by label. Returns the exit code."""
    (tmp_path / "tests/api").mkdir(parents=True, exist_ok=True)
    (tmp_path / "tests/api/test_a.py").touch()
    monkeypatch.setattr(testing, "ensure_browser", lambda: None)
    monkeypatch.setattr(testing.environments, "ensure", lambda root, pins, extra, script=None: pins.name)
    monkeypatch.setattr(testing, "run_command", lambda label, *rest: (codes[label], 1.0))
    monkeypatch.setattr(testing, "read_report", lambda path: (Counter(tests=int(codes[path.stem.split("-")[0]] != 5)), []))
    return testing.run_tests(tmp_path, options(**given))


@pytest.mark.parametrize("failing", ["forge", "neo", "a1111", *PARTS])
def test_any_failure_fails_the_whole(testing, environments, monkeypatch, tmp_path, capsys, failing):
    codes = dict.fromkeys((*environments, *PARTS), 0)
    assert run_with(testing, monkeypatch, tmp_path, codes) == 0
    assert run_with(testing, monkeypatch, tmp_path, {**codes, failing: 1}) == 1
    assert f"FAILED ({failing})" in capsys.readouterr().out


def test_nothing_collected_is_a_failure_unless_a_part_was_asked_for(testing, environments, monkeypatch, tmp_path):
    codes = {**dict.fromkeys(environments, 5), **dict.fromkeys(PARTS, 0)}
    assert run_with(testing, monkeypatch, tmp_path, codes) == 1
    assert run_with(testing, monkeypatch, tmp_path, codes, expression="none") == 0


def test_an_environment_with_tests_of_its_own_does_not_run_others(testing, environments):
    assert [pins.name for pins in testing.chosen_pins(options())] == environments
    named = [pins.name for pins in testing.chosen_pins(options(paths=["tests/iclight"]))]
    assert named[:2] == ["forge", "neo"] and "a1111" in environments and "a1111" not in named
    assert [pins.name for pins in testing.chosen_pins(options(env="a1111", paths=["tests/ui"]))] == ["a1111"]
    assert [pins.name for pins in testing.chosen_pins(options(env="neo6"))] == ["neo6"]


def test_a_real_host_is_started_once(testing, tmp_path):
    for name in "abc":
        (tmp_path / f"tests/contract/test_{name}.py").parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / f"tests/contract/test_{name}.py").touch()
    durations = SimpleNamespace(of=lambda env, path: 200.0)
    pins = testing.PINS["forge"]
    count = {webui: len(testing.chunks_of(tmp_path, options(webui=webui), pins, durations)) for webui in (None, Path("x"))}
    assert count == {None: 3, Path("x"): 1}


def test_what_gives_the_same_result_in_two_environments_runs_in_one(testing):
    words = {name: testing.pytest_words(options(expression="x"), sys.modules["chunks"].Chunk(name, ("tests",), 1.0), Path("r.xml"))
             for name in ("forge", "neo", "a1111")}
    markers = {name: line[line.index("-m", 2) + 1] if "-m" in line[2:] else None for name, line in words.items()}
    assert markers == {"forge": None, "neo": "not same_everywhere and not once_per_gradio", "a1111": "not same_everywhere"}
    assert all(words[name][-3:] == ["-k", "x", "tests"] for name in words)


def test_output_is_shortened_to_what_matters(testing, tmp_path, capsys):
    code = "print('....'); print('SKIPPED [1] no GPU'); print('2 passed in 1 s'); raise SystemExit({})"
    assert testing.run_command("neo", "tests/a", [sys.executable, "-c", code.format(0)], tmp_path)[0] == 0
    assert capsys.readouterr().out == "neo     | SKIPPED [1] no GPU\nneo     | tests/a: 2 passed in 1 s\n"
    assert testing.run_command("neo", "tests/a", [sys.executable, "-c", code.format(1)], tmp_path)[0] == 1
    assert capsys.readouterr().out.startswith("neo     | ....\n")


def test_the_linters_run_in_the_given_environment(testing):
    assert testing.linter_words("ruff", Path("python")) == ["-m", "ruff", "check", "."]
    assert testing.linter_words("pyright", Path("python"))[-2:] == ["--pythonpath", "python"]


def test_the_browser_is_never_skipped_without_a_reason(testing, monkeypatch):
    monkeypatch.setattr(testing.shutil, "which", lambda name: None)
    assert "chromium, chromedriver not found" in testing.ensure_browser()
