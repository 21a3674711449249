"""Constrained installation with a fake pip."""

import json
import subprocess
import sys
from pathlib import Path

import pytest
from sd_relight.lib_relight.packages import pinned_pip
from sd_relight.lib_relight.packages.pinned_pip import InstallError

PINS = {"numpy": "1.26.2", "protobuf": "3.20.0", "opencv-python": "4.11.0.86", "torch": "2.13.0+cu128"}


class FakePip:
    """answers: (requirements, alone) -> [(name, version, requires_dist)] or pip's error text."""

    def __init__(self, answers, installs):
        self.answers = answers
        self.installs = installs
        self.calls = []
        self.constraints = None

    def __call__(self, arguments):
        wanted = [word for word in arguments[arguments.index("--only-binary=:all:") + 1:] if not word.startswith("-")]
        if "--dry-run" not in arguments:
            self.calls.append(("install", tuple(wanted)))
            for item in wanted:
                name, version = item.split("==")
                self.installs[pinned_pip.canonical(name)] = version
            return True, ""
        file = Path(arguments[arguments.index("-c") + 1])
        self.constraints = file.read_text("utf-8").splitlines()
        wanted.remove(str(file))
        alone = "--no-deps" in arguments
        self.calls.append(("plan alone" if alone else "plan", tuple(wanted)))
        answer = self.answers.get((tuple(wanted), alone), "ERROR: ResolutionImpossible: for help visit the documentation")
        if isinstance(answer, str):
            return False, answer
        items = [{"metadata": {"name": name, "version": version, "requires_dist": list(needs)}}
                 for name, version, needs in answer]
        Path(arguments[arguments.index("--report") + 1]).write_text(json.dumps({"install": items}), "utf-8")
        return True, ""


@pytest.fixture
def environment(monkeypatch):
    """The installed versions; FakePip adds to them."""
    versions = dict(PINS)
    monkeypatch.setattr(pinned_pip, "installed", lambda: dict(versions))
    return versions


def run(environment, answers, requirements):
    pip = FakePip(answers, environment)
    return pip, pinned_pip.install(requirements, pip)


def test_everything_installed_becomes_a_constraint(environment):
    pip, report = run(environment, {(("pooch",), False): [("pooch", "1.9.0", ())]}, ["pooch"])
    assert pip.constraints == ["numpy==1.26.2", "opencv-python==4.11.0.86", "protobuf==3.20.0", "torch==2.13.0+cu128"]
    assert pip.calls == [("plan", ("pooch",)), ("install", ("pooch==1.9.0",))]
    assert report.added == {"pooch": "1.9.0"} and report.changed == {}
    assert report.message() == "Installed pooch 1.9.0; no other package was changed."


def test_an_older_version_that_fits_is_pips_choice(environment):
    answers = {(("rembg", "onnxruntime"), False): [("rembg", "2.0.69", ()), ("onnxruntime", "1.26.0", ())]}
    pip, report = run(environment, answers, ["rembg", "onnxruntime"])
    assert pip.calls[-1] == ("install", ("rembg==2.0.69", "onnxruntime==1.26.0"))
    assert {name: environment[name] for name in PINS} == PINS


def test_what_clashes_with_a_pin_is_installed_alone_with_what_it_lacks(environment):
    needs = ("flatbuffers", "numpy>=1.21", "protobuf>=4.25", "sympy; extra == 'symbolic'", "colorama; python_version < '3'")
    answers = {
        (("rembg",), False): [("rembg", "2.0.69", ())],
        (("onnxruntime",), True): [("onnxruntime", "1.31.1", needs)],
        (("flatbuffers",), False): [("flatbuffers", "25.12", ())],
    }
    pip, report = run(environment, answers, ["rembg", "onnxruntime"])
    assert pip.calls == [
        ("plan", ("rembg", "onnxruntime")), ("plan", ("rembg",)), ("plan", ("onnxruntime",)),
        ("plan alone", ("onnxruntime",)), ("plan", ("flatbuffers",)),
        ("install", ("rembg==2.0.69", "onnxruntime==1.31.1", "flatbuffers==25.12")),
    ]
    assert environment["protobuf"] == "3.20.0"


def test_what_an_installed_requirement_lacks_is_installed_too(environment, monkeypatch):
    """scikit-image, put there with --no-deps, lacks lazy_loader, and rembg cannot be imported."""
    environment.update({"scikit-image": "0.25.2", "lazy-loader-reader": "1.0"})
    needs = {"scikit-image": ["numpy>=1.24", "lazy-loader>=0.4", "lazy_loader_reader", "pytest; extra == 'test'"],
             "lazy-loader-reader": ["scikit-image"]}
    monkeypatch.setattr(pinned_pip, "requirements_of", lambda name: needs.get(name, []))
    answers = {(("rembg",), True): [("rembg", "2.0.69", ("scikit-image",))],
               (("lazy-loader>=0.4",), False): [("lazy-loader", "0.5", ())]}
    pip, report = run(environment, answers, ["rembg"])
    assert pip.calls[-1] == ("install", ("rembg==2.0.69", "lazy-loader==0.5"))
    assert report.changed == {} and list(report.added) == ["lazy-loader", "rembg"]


def test_the_requirements_of_an_installed_distribution():
    assert any(text.startswith("pluggy") for text in pinned_pip.requirements_of("pytest"))
    assert pinned_pip.requirements_of("no-such-package") == []


def test_a_twin_of_an_installed_package_is_left_out(environment):
    answers = {(("rembg",), False): [("rembg", "2.0.69", ()), ("opencv-python-headless", "4.11.0.86", ())]}
    pip, report = run(environment, answers, ["rembg"])
    assert pip.calls[-1] == ("install", ("rembg==2.0.69",))
    assert report.message() == ("Installed rembg 2.0.69; no other package was changed. Left out, because their twin is "
                                 "installed: opencv-python-headless (opencv-python).")


def test_what_is_installed_is_never_installed_again(environment):
    answers = {(("rembg",), False): [("rembg", "2.0.69", ()), ("NumPy", "2.3.5", ())]}
    pip, _ = run(environment, answers, ["rembg"])
    assert pip.calls[-1] == ("install", ("rembg==2.0.69",))


def test_nothing_to_install(environment):
    pip, report = run(environment, {(("numpy",), False): []}, ["numpy"])
    assert pip.calls == [("plan", ("numpy",))]
    assert report.message() == "Installed nothing; no other package was changed."


def test_a_version_that_changed_meanwhile_is_reported(environment):
    def apply(arguments):
        environment.update({"rembg": "2.0.69", "numpy": "2.3.5"})
        del environment["protobuf"]
        return True, ""

    pip = FakePip({(("rembg",), False): [("rembg", "2.0.69", ())]}, environment)
    report = pinned_pip.install(["rembg"], pip, apply)
    assert report.changed == {"numpy": ("1.26.2", "2.3.5"), "protobuf": ("3.20.0", None)}
    message = report.message()
    assert message.startswith("Installed rembg 2.0.69, but other packages changed meanwhile: numpy 1.26.2 -> 2.3.5, protobuf "
                           "3.20.0 -> gone; put them back with ")
    assert message.endswith(" -m pip install --no-deps numpy==1.26.2 protobuf==3.20.0")


@pytest.mark.parametrize(("answer", "reason"), [
    ("WARNING: Retrying ... Failed to establish a new connection: [Errno 111]\nERROR: No matching distribution found for x",
     "no connection to the package index"),
    ("Temporary failure in name resolution", "no connection to the package index"),
    ("ERROR: Could not find a version that satisfies the requirement x (from versions: none)",
     "the package index cannot be reached, or has no build for Python "),
    ("/usr/bin/python: No module named pip", "this Python has no pip (python -m ensurepip adds it)"),
    ("no such option: --dry-run",
     "this pip is older than 22.2 and has no --report (python -m pip install --upgrade pip)"),
    ("error: externally-managed-environment", "this Python is managed by the system and does not accept packages"),
])
def test_what_no_second_try_can_cure_is_reported_at_once(environment, answer, reason):
    pip = FakePip({(("x",), False): answer}, environment)
    with pytest.raises(InstallError) as caught:
        pinned_pip.install(["x"], pip)
    assert str(caught.value).startswith(reason)
    assert pip.calls == [("plan", ("x",))]
    assert environment == PINS


def test_no_version_at_all(environment):
    with pytest.raises(InstallError, match="^pip finds no version of x that fits$"):
        pinned_pip.install(["x"], FakePip({}, environment))


def test_a_failing_installation_gives_pips_last_word(environment):
    pip = FakePip({(("x",), False): [("x", "1", ())]}, environment)
    with pytest.raises(InstallError, match="^pip failed: No space left on device$"):
        pinned_pip.install(["x"], pip, lambda arguments: (False, "Collecting x\nERROR: No space left on device\n"))


def test_constraint_lines_leave_out_what_pip_cannot_read():
    lines = pinned_pip.constraint_lines({"b": "1!2.0rc1.post2.dev3+cpu.1", "a": "2022", "own": "0.1-my branch", "x": "unknown"})
    assert lines == ["a==2022", "b==1!2.0rc1.post2.dev3+cpu.1"]


def test_installed_lists_this_environment_by_canonical_name():
    import numpy
    versions = pinned_pip.installed()
    assert versions["numpy"] == numpy.__version__
    assert all(name == pinned_pip.canonical(name) for name in versions)


@pytest.mark.parametrize(("name", "twin"), [
    ("opencv-python-headless", "opencv-python"), ("onnxruntime", None), ("numpy", None), ("opencv-python", None)])
def test_twins(name, twin):
    assert pinned_pip.twin_of(name, PINS) == twin


def test_the_cpu_onnxruntime_is_the_gpu_ones_twin():
    assert pinned_pip.twin_of("onnxruntime", {"onnxruntime-gpu": "1.20"}) == "onnxruntime-gpu"


def test_pip_runs_even_where_the_host_turns_it_into_uv(monkeypatch):
    """Forge Neo, started with --uv, replaces subprocess.run."""
    monkeypatch.setattr(subprocess, "run", None)
    assert pinned_pip.run([sys.executable, "-c", "print('said'); raise SystemExit(3)"]) == (False, "said\n")


def test_a_program_that_is_not_there():
    ok, text = pinned_pip.run(["no-such-program-here"])
    assert not ok and text.startswith("ERROR: ")


def test_uv_stands_in_where_there_is_no_pip(monkeypatch, environment, tmp_path):
    asked = []

    def run(command):
        asked.append(command)
        if "--dry-run" not in command:
            environment.update({"rembg": "2.0.69", "pooch": "1.9.0"})
        return True, "Resolved 9 packages\nWould install 2 packages\n + pooch==1.9.0\n + rembg==2.0.69\n"

    monkeypatch.setattr(pinned_pip, "run", run)
    monkeypatch.setattr(pinned_pip.importlib.util, "find_spec", lambda name: None)
    monkeypatch.setattr(pinned_pip.shutil, "which", lambda name: "/bin/uv")
    report = pinned_pip.install(["rembg"])
    assert report.added == {"pooch": "1.9.0", "rembg": "2.0.69"}
    start = ["uv", "pip", "install", "--python", sys.executable, "--color=never"]
    plan, apply = asked
    assert plan[:8] == [*start, "--dry-run", "--only-binary=:all:"] and plan[-1] == "rembg"
    assert apply == [*start, "--no-deps", "--only-binary=:all:", "pooch==1.9.0", "rembg==2.0.69"]
