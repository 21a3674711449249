"""dev.py's own commands: their options, and errors reported before anything is installed."""

import os
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]


def test_a_missing_file_is_said_before_anything_is_installed(dev, capsys, monkeypatch):
    monkeypatch.setattr(dev.environments, "ensure", lambda *args: pytest.fail("installed"))
    assert dev.main(["relight", "no-such.jpg", "-o", "out.png"]) == 2
    assert capsys.readouterr().err == "dev.py: photo: there is no no-such.jpg.\n"


def test_the_commands_of_the_readme_parse(dev):
    words = "relight a.jpg --light left --prompt x -o b.png --hires 1.5 --background c.jpg --mask m.png --seed 1"
    args = dev.parser().parse_args(words.split())
    assert (args.light, args.hires, args.seed, args.steps, args.device) == ("left", 1.5, 1, None, "auto")
    assert dev.parser().parse_args(["demo"]).out == Path("outputs/demo")
    assert dev.parser().parse_args(["test", "--env", "neo", "-k", "light"]).expression == "light"


def test_ci_calls_the_test_command():
    script = ROOT / ".ci" / "run"
    assert os.access(script, os.X_OK)
    assert script.read_text().rstrip().endswith("exec python dev.py test")
