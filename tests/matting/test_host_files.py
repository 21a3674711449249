"""install.py and preload.py as a host runs them."""

import argparse
import importlib.util
import os
import subprocess
import sys

import pytest


def load(path):
    spec = importlib.util.spec_from_file_location(path.stem + "_under_test", path)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.fixture
def install(repo_root):
    return load(repo_root / "install.py")


def fake_launch(folder, body):
    (folder / "launch.py").write_text(body)
    return {**os.environ, "PYTHONPATH": str(folder)}


def test_nothing_to_do(repo_root, tmp_path):
    environment = fake_launch(tmp_path, "raise SystemExit('the host must not be asked when nothing is missing')")
    done = subprocess.run([sys.executable, str(repo_root / "install.py")], env=environment, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    assert done.stdout == "[Relight] all packages are there, nothing was installed.\n"


def test_a_missing_package_goes_through_the_hosts_run_pip(install, monkeypatch):
    asked = {}

    class Launch:
        @staticmethod
        def run_pip(command, desc):
            asked["apply"] = (command, desc)

    class Pinned:
        @staticmethod
        def install(requirements, apply):
            asked["requirements"] = requirements
            assert apply(["install", "--no-deps", "safetensors==0.4.2", "a b"]) == (True, "")
            return type("Report", (), {"message": lambda self: "Installed safetensors 0.4.2; no other package was changed."})()

    left = [["safetensors"], []]
    monkeypatch.setitem(sys.modules, "launch", Launch)
    monkeypatch.setattr(install, "lacking", lambda: left.pop(0))
    monkeypatch.setattr(install, "relight_module", lambda name: Pinned)
    assert install.main([]) == "Installed safetensors 0.4.2; no other package was changed."
    assert asked["requirements"] == ["safetensors"]
    command, desc = asked["apply"]
    assert desc == "packages for Relight" and command.startswith("install --no-deps safetensors==0.4.2 ")
    assert command.endswith("'a b'" if os.name != "nt" else '"a b"')


def test_the_hosts_failing_pip_becomes_text(install, monkeypatch):
    def run_pip(command, desc):
        raise RuntimeError("Couldn't install packages for Relight.")

    monkeypatch.setitem(sys.modules, "launch", type("Launch", (), {"run_pip": staticmethod(run_pip)}))
    assert install.host_pip()(["install", "x"]) == (False, "Couldn't install packages for Relight.")


def test_the_hosts_skip_install_is_obeyed(install, monkeypatch):
    launch = type("Launch", (), {"run_pip": None, "args": type("Args", (), {"skip_install": True})})
    monkeypatch.setitem(sys.modules, "launch", launch)
    assert install.host_pip()(["install", "x"]) == (False, "ERROR: the host was started with --skip-install")


def test_without_a_host_there_is_no_host_pip(install, monkeypatch):
    monkeypatch.setitem(sys.modules, "launch", None)
    assert install.host_pip() is None


def test_flags(repo_root):
    parser = argparse.ArgumentParser()
    load(repo_root / "preload.py").preload(parser)
    plain = parser.parse_args([])
    assert (plain.relight_models_dir, plain.relight_matting_dir, plain.relight_skip_install, plain.relight_no_download) == (
        None, None, False, False)
    given = parser.parse_args(["--relight-models-dir", "/m", "--relight-models-dir", "/n", "--relight-matting-dir", "/o", "--relight-skip-install",
                               "--relight-no-download"])
    assert (given.relight_models_dir, given.relight_matting_dir, given.relight_skip_install, given.relight_no_download) == (
        ["/m", "/n"], "/o", True, True)
