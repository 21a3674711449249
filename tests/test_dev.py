"""dev.py's own parts: what it asks of pip, where it puts things, what it says."""

import importlib.util
import os
import sys
import threading
import time
from pathlib import Path
from types import SimpleNamespace

import pytest

ROOT = Path(__file__).resolve().parent.parent


def load(path):
    spec = importlib.util.spec_from_file_location(path.stem, path)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.fixture(scope="module")
def dev():
    before = list(sys.path)
    module = load(ROOT / "dev.py")
    yield module
    sys.path[:] = before


@pytest.fixture
def environments(dev):
    return dev.environments


@pytest.fixture
def project(tmp_path):
    (tmp_path / "requirements").mkdir()
    for name in ("forge.txt", "neo.txt", "test.txt"):
        (tmp_path / "requirements" / name).write_text(f"# {name}\n")
    return tmp_path


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
    monkeypatch.setattr(environments, "call", lambda command, **kw: 0)
    monkeypatch.setattr(environments, "torch_constraint", lambda folder: "torch.txt")
    monkeypatch.setattr(environments, "pip_step", lambda python, words, *rest: asked.append(list(words)))
    environments.build(project, environments.PINS["neo"], project / ".relight" / "neo-x", ["python3.11"])
    assert asked[0] == ["torch==2.13.0"]
    assert [words[0] for words in asked[1:]] == ["gradio==4.40.0", "-r", "--no-deps"]
    assert all(words[-2:] == ["-c", "torch.txt"] for words in asked[1:])
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
    codes = [1, 0]
    monkeypatch.setattr(environments, "torch_constraint", lambda folder: "torch.txt")
    monkeypatch.setattr(environments, "pip_step", lambda *args: None)
    monkeypatch.setattr(environments, "call", lambda command, **kw: codes.pop(0))
    extra, folder = project / "requirements" / "test.txt", project / ".relight" / "forge-x"
    folder.mkdir(parents=True)
    with pytest.raises(environments.SetupError, match=r"install\.py matting failed"):
        environments.add_extra(project, environments.PINS["forge"], folder, extra, ("install.py", "matting"))
    for _ in range(2):
        environments.add_extra(project, environments.PINS["forge"], folder, extra, ("install.py", "matting"))
    assert not codes


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


@pytest.mark.skipif(os.name == "nt", reason="process ids are not looked up on Windows")
def test_the_lock_waits_for_the_living_and_not_for_the_dead(environments, tmp_path):
    path = tmp_path / "x.lock"
    path.write_text("999999999")
    with environments.locked(path, poll=0.01):
        order = []
        waiting = threading.Thread(target=lambda: take(environments, path, order))
        waiting.start()
        time.sleep(0.1)
        order.append("first")
    waiting.join(5)
    assert order == ["first", "second"] and not path.exists()


def take(environments, path, order):
    with environments.locked(path, poll=0.01):
        order.append("second")


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


# The suite and its table --------------------------------------------------------------------------------------------

REPORT = """<testsuites><testsuite tests="3" failures="1" errors="0" skipped="1">
<testcase classname="tests.a" name="one" time="0.5"/><testcase classname="tests.a" name="two" time="2.5"/>
<testcase classname="tests.b" name="three" time="0.1"/></testsuite></testsuites>"""


def test_the_table_counts_and_names_the_slowest(dev, tmp_path):
    path = tmp_path / "report.xml"
    path.write_text(REPORT)
    counts, slowest = dev.testing.read_report(path)
    assert counts == {"tests": 3, "failures": 1, "errors": 0, "skipped": 1}
    assert slowest[0] == (2.5, "tests.a::two")
    lines = dev.testing.table([dev.testing.Result("forge", 1, 12.0, counts, slowest[:1])]).splitlines()
    assert lines[1].split() == ["forge", "1", "1", "0", "1", "12", "FAILED", "(exit", "code", "1)"]
    assert lines[2] == "slowest, forge:    2.5 s  tests.a::two"


def test_a_suite_that_died_without_a_report_fails(dev, tmp_path):
    assert dev.testing.read_report(tmp_path / "none.xml") == ({}, [])
    assert "FAILED (exit code 3)" in dev.testing.table([dev.testing.Result("neo", 3, 1.0)])


def run_with(dev, monkeypatch, tmp_path, codes, **options):
    args = SimpleNamespace(env=None, expression=None, webui=None, paths=[], **options)
    monkeypatch.setattr(dev.testing, "ensure_browser", lambda: None)
    monkeypatch.setattr(dev.testing.environments, "ensure", lambda root, pins, extra, script: pins.name)
    monkeypatch.setattr(dev.testing, "stream", lambda command, label, root, env: codes[label.strip()])
    return dev.testing.run_tests(tmp_path, args)


@pytest.mark.parametrize("failing", ["forge", "neo", "a1111", "ruff"])
def test_any_failure_fails_the_whole(dev, monkeypatch, tmp_path, capsys, failing):
    codes = dict.fromkeys(("forge", "neo", "a1111", "ruff"), 0)
    assert run_with(dev, monkeypatch, tmp_path, codes) == 0
    assert run_with(dev, monkeypatch, tmp_path, {**codes, failing: 1}) == 1
    assert f"FAILED ({failing})" in capsys.readouterr().out


def test_nothing_collected_is_a_failure_unless_a_part_was_asked_for(dev, monkeypatch, tmp_path):
    assert run_with(dev, monkeypatch, tmp_path, {"forge": 5, "neo": 5, "a1111": 5, "ruff": 0}) == 1


def test_an_environment_with_tests_of_its_own_does_not_run_others(dev):
    names = [[pins.name for pins in lane] for lane in dev.testing.lanes_of(SimpleNamespace(env=None, paths=["tests/iclight"]))]
    assert names == [["forge"], ["neo"]]
    assert [pins.name for pins in dev.testing.lanes_of(SimpleNamespace(env="a1111", paths=["tests/iclight"]))[0]] == ["a1111"]


def test_only_the_second_environment_leaves_out_what_is_the_same_everywhere(dev):
    args = SimpleNamespace(expression=None, webui=None, paths=[])
    forge, neo = (dev.testing.pytest_words(args, dev.environments.PINS[name], Path("r.xml")) for name in ("forge", "neo"))
    assert "not same_everywhere" in neo and "not same_everywhere" not in forge


def test_the_browser_is_never_skipped_without_a_reason(dev, monkeypatch):
    monkeypatch.setattr(dev.testing.shutil, "which", lambda name: None)
    assert "chromium, chromedriver not found" in dev.testing.ensure_browser()
