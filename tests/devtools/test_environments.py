"""The virtual environments: what pip is asked for, where they lie, what a failed installation leaves."""

import sys
from types import SimpleNamespace

import pytest


def test_folder_follows_the_pins(environments, project, monkeypatch):
    pins = environments.PINS["forge"]
    monkeypatch.delenv("RELIGHT_TORCH", raising=False)
    first = environments.folder_of(project, pins, 11)
    assert first == environments.folder_of(project, pins, 11)
    assert first.parent == project / ".relight" and first.name.startswith("forge-py311-")
    assert environments.folder_of(project, pins, 10) != first
    monkeypatch.setenv("RELIGHT_TORCH", "torch==9.9")
    assert environments.folder_of(project, pins, 11) != first
    monkeypatch.delenv("RELIGHT_TORCH")
    (project / "requirements" / "forge.txt").write_text("numpy==1\n")
    assert environments.folder_of(project, pins, 11) != first


def test_torch_comes_first_and_can_be_overridden(environments, project, monkeypatch):
    asked = []
    monkeypatch.setattr(environments.subprocess, "run", lambda command, **kw: SimpleNamespace(returncode=0))
    monkeypatch.setattr(environments, "torch_constraint", lambda folder: "torch.txt")
    monkeypatch.setattr(environments, "pip_step", lambda python, words, *rest: asked.append(list(words)))
    environments.build(project, environments.PINS["neo"], project / ".relight" / "neo-x", ["python3.11"])
    assert asked[0] == ["torch==2.13.0"]
    assert [words[0] for words in asked[1:]] == ["gradio==4.40.0", "-r", "--no-deps", "--no-deps"]
    assert all(words[-2:] == ["-c", "torch.txt"] for words in asked[1:])
    assert str(project / ".relight" / "neo-x" / "photographs") in asked[-1], "scikit-image is not among the packages"
    monkeypatch.setenv("RELIGHT_TORCH", "torch==2.6.0 --index-url https://example.org/cpu")
    assert environments.torch_requirement() == ["torch==2.6.0", "--index-url", "https://example.org/cpu"]


def test_a_failed_installation_leaves_nothing(environments, project, monkeypatch):
    folder = project / ".relight" / "forge-py311-0"

    def half_done(root, pins, folder, command):
        folder.mkdir(parents=True)
        (folder / "half").touch()
        raise environments.SetupError("no network")

    monkeypatch.setattr(environments, "build", half_done)
    with pytest.raises(environments.SetupError, match="no network"):
        environments.make_base(project, environments.PINS["forge"], folder, ["python"])
    assert not folder.exists()


def test_a_finished_one_replaces_those_with_older_pins(environments, project, monkeypatch):
    old, new = project / ".relight" / "forge-py311-old", project / ".relight" / "forge-py311-new"
    other = project / ".relight" / "neo-py311-x"
    for folder in (old, other):
        folder.mkdir(parents=True)
    monkeypatch.setattr(environments, "build", lambda root, pins, folder, command: folder.mkdir())
    environments.make_base(project, environments.PINS["forge"], new, ["python"])
    assert (new / "ready").exists() and not old.exists() and other.exists()


def test_the_second_call_installs_nothing(environments, project, monkeypatch):
    made = []
    monkeypatch.setattr(environments, "need_interpreter", lambda pins: (["python"], 11))
    monkeypatch.setattr(environments, "build", lambda *args: (args[2].mkdir(), made.append("base")))
    monkeypatch.setattr(environments, "torch_constraint", lambda folder: "torch.txt")
    monkeypatch.setattr(environments, "pip_step", lambda *args: made.append("extra"))
    extra = project / "requirements" / "test.txt"
    for _ in range(2):
        environments.ensure(project, environments.PINS["forge"], extra)
    assert made == ["base", "extra"]
    extra.write_text("pytest\n")
    environments.ensure(project, environments.PINS["forge"], extra)
    assert made == ["base", "extra", "extra"]


def test_a_failed_script_is_tried_again(environments, project, monkeypatch):
    monkeypatch.setattr(environments, "torch_constraint", lambda folder: "torch.txt")
    monkeypatch.setattr(environments, "pip_step", lambda *args: None)
    monkeypatch.setattr(environments, "python_in", lambda folder: sys.executable)
    extra, folder = project / "requirements" / "test.txt", project / ".relight" / "forge-x"
    folder.mkdir(parents=True)
    script = ("-c", "import pathlib, sys; done = pathlib.Path('done'); first = not done.exists(); done.touch(); sys.exit(first)")
    with pytest.raises(environments.SetupError, match="failed in .*forge-x"):
        environments.add_extra(project, environments.PINS["forge"], folder, extra, script)
    environments.add_extra(project, environments.PINS["forge"], folder, extra, script)
    (project / "done").unlink()
    environments.add_extra(project, environments.PINS["forge"], folder, extra, script)
    assert not (project / "done").exists(), "a script that succeeded is not run again"


def test_pip_says_what_failed_and_where_the_log_is(environments, project):
    log = project / "pip.log"
    with pytest.raises(environments.SetupError, match=r"could not install nothing.*pip\.log"):
        environments.pip_step(sys.executable, ["--no-index", "no-such-package-here"], log, "nothing", project)
    assert "no-such-package-here" in log.read_text()


def test_an_interpreter_that_does_not_start_is_not_taken(environments, tmp_path):
    stub = tmp_path / "python3.11"
    stub.write_text("#!/bin/sh\necho 'version 3.11 is not installed' >&2\nexit 127\n")
    stub.chmod(0o755)
    assert environments.minor_of([str(stub)]) is None
    assert environments.minor_of([str(tmp_path / "none")]) is None
    assert environments.minor_of([sys.executable]) == sys.version_info[1]


def test_without_a_fitting_python_the_sentence_names_it(environments, monkeypatch):
    monkeypatch.setattr(environments, "find_interpreter", lambda minors: None)
    with pytest.raises(environments.SetupError, match=r"the forge pins need Python 3\.11 or 3\.10"):
        environments.need_interpreter(environments.PINS["forge"])
    assert environments.best_pins().name == "neo"
