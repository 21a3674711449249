"""dev.py's own commands: their options, and errors reported before anything is installed."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest
from sd_relight.benchmarks import photographs

ROOT = Path(__file__).resolve().parents[2]


def test_a_missing_file_is_said_before_anything_is_installed(dev, capsys, monkeypatch):
    monkeypatch.setattr(dev.environments, "ensure", lambda *args: pytest.fail("installed"))
    assert dev.main(["relight", "no-such.jpg", "-o", "out.png"]) == 2
    assert capsys.readouterr().err == "dev.py: photo: there is no no-such.jpg.\n"


def test_the_exit_code_of_the_process_is_the_commands():
    command = [sys.executable, str(ROOT / "dev.py"), "relight", "no-such.jpg", "-o", "out.png"]
    done = subprocess.run(command, capture_output=True, text=True)
    assert (done.returncode, done.stderr) == (2, "dev.py: photo: there is no no-such.jpg.\n")


def test_the_commands_of_the_readme_parse(dev):
    words = "relight a.jpg --light left --prompt x -o b.png --hires 1.5 --background c.jpg --mask m.png --seed 1"
    args = dev.parser().parse_args(words.split())
    assert (args.light, args.hires, args.seed, args.steps, args.device) == ("left", 1.5, 1, None, "auto")
    assert dev.parser().parse_args(["demo"]).out == Path("outputs/demo")
    assert dev.parser().parse_args(["test", "--env", "neo", "-k", "light"]).expression == "light"


@pytest.mark.parametrize("seed", ["9223372036854775808", "-2", "1e9", "9" * 400, "x"])
def test_a_seed_out_of_range_is_an_error_of_one_line(dev, capsys, seed):
    with pytest.raises(SystemExit, match="2"):
        dev.parser().parse_args(["demo", f"--seed={seed}"])
    error = capsys.readouterr().err.splitlines()[-1]
    assert error == f"dev.py demo: error: argument --seed: {seed[:40]!r} is not a whole number from -1 to 9223372036854775807"


@pytest.mark.parametrize("number", ["0", "7", "-1", "1.5", "all", "\u00b2", "9" * 400])
def test_a_number_of_photographs_out_of_range_is_an_error_of_one_line(dev, capsys, number):
    with pytest.raises(SystemExit, match="2"):
        dev.parser().parse_args(["verify", f"--photographs={number}"])
    error = capsys.readouterr().err.splitlines()[-1]
    assert error == f"dev.py verify: error: argument --photographs: {number[:40]!r} is not a whole number from 1 to 6"


def test_verify_takes_all_photographs_unless_told_otherwise(dev):
    listed = json.loads((ROOT / "benchmarks" / "photographs.json").read_text("utf-8"))
    args = dev.parser().parse_args(["verify"])
    assert (args.photographs, args.objects) == (1 + len(listed), 1)
    assert dev.parser().parse_args(["verify", "--photographs", "2", "--objects", "0"]).photographs == 2
    assert dev.environments.PHOTOGRAPHS[-1] == photographs.PACKAGE


@pytest.mark.parametrize("seed", [-1, 0, 2**63 - 1])
def test_the_range_of_seeds(dev, seed):
    assert dev.parser().parse_args(["relight", "a.png", "-o", "b.png", f"--seed={seed}"]).seed == seed


def test_the_workflow_calls_the_test_command_with_options_and_rooms_that_exist(dev):
    yaml = pytest.importorskip("yaml")
    workflow = yaml.safe_load((ROOT / ".github/workflows/test.yml").read_text("utf-8"))
    runs = {name: [step["run"] for step in job["steps"] if "run" in step] for name, job in workflow["jobs"].items()}
    assert runs["linux"] == ["python dev.py test"]
    (command,) = runs["other-systems"]
    args = dev.parser().parse_args(command.split()[2:])
    assert "browser" in args.skip and all((ROOT / "tests" / room).is_dir() for room in args.skip)


def test_pre_commit_uses_the_same_ruff():
    pinned = next(line for line in (ROOT / "requirements/lint.txt").read_text("utf-8").splitlines() if line.startswith("ruff=="))
    assert f"rev: v{pinned.removeprefix('ruff==')}\n" in (ROOT / ".pre-commit-config.yaml").read_text("utf-8")


def test_ci_calls_the_test_command():
    script = ROOT / ".ci" / "run"
    assert os.access(script, os.X_OK)
    assert script.read_text().rstrip().endswith("exec python dev.py test")
