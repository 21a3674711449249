"""Constrained installation with a real pip in a temporary environment, from local wheels without network."""

import ensurepip
import json
import os
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

pytestmark = pytest.mark.same_everywhere

WHEELS = {  # name-version -> (requirements, files)
    ("hostlib", "1.0"): ((), {"hostlib.py": "version = '1.0'"}),
    ("hostlib", "2.0"): ((), {"hostlib.py": "version = '2.0'"}),
    ("helper", "3.1"): ((), {"helper.py": ""}),
    ("fitting", "1.0"): (("hostlib<2", "helper"), {"fitting.py": ""}),
    ("fitting", "2.0"): (("hostlib>=2",), {"fitting.py": ""}),
    ("stubborn", "1.0"): (("hostlib>=2", "helper"), {"stubborn.py": ""}),
    ("opencv-python", "4.0"): ((), {"cv2/__init__.py": "who = 'the host'"}),
    ("opencv-python-headless", "4.9"): ((), {"cv2/__init__.py": "who = 'the newcomer'"}),
    ("painter", "1.0"): (("opencv-python-headless",), {"painter.py": ""}),
}

ADD = """
import json, sys, types
package = types.ModuleType("sd_relight"); package.__path__ = [sys.argv[1]]; sys.modules["sd_relight"] = package
from sd_relight.lib_relight.packages import pinned_pip
try:
    report = pinned_pip.install(sys.argv[2:])
    print(json.dumps({"sentence": report.message(), "versions": pinned_pip.installed()}))
except pinned_pip.InstallError as error:
    print(json.dumps({"error": str(error), "versions": pinned_pip.installed()}))
"""


def make_wheel(folder, name, version, needs, files):
    stem = f"{name.replace('-', '_')}-{version}"
    meta = f"Metadata-Version: 2.1\nName: {name}\nVersion: {version}\n" + "".join(f"Requires-Dist: {x}\n" for x in needs)
    files = {**files, f"{stem}.dist-info/METADATA": meta,
             f"{stem}.dist-info/WHEEL": "Wheel-Version: 1.0\nGenerator: test\nRoot-Is-Purelib: true\nTag: py3-none-any\n"}
    files[f"{stem}.dist-info/RECORD"] = "".join(f"{path},,\n" for path in files)
    with zipfile.ZipFile(folder / f"{stem}-py3-none-any.whl", "w") as wheel:
        for path, text in files.items():
            wheel.writestr(path, text)


class Venv:
    """A fresh environment with pip, the host's packages in it and an index that is a folder."""

    def __init__(self, folder: Path, root: Path):
        self.root = root
        self.wheels = folder / "wheels"
        self.wheels.mkdir()
        for (name, version), (needs, files) in WHEELS.items():
            make_wheel(self.wheels, name, version, needs, files)
        subprocess.run([sys.executable, "-m", "venv", "--without-pip", str(folder / "env")], check=True)
        self.python = folder / "env" / ("Scripts/python.exe" if os.name == "nt" else "bin/python")
        bundled = next((Path(ensurepip.__file__).parent / "_bundled").glob("pip-*.whl"), None)
        if bundled is None:
            pytest.skip("this Python comes without a bundled pip")
        for wheel in (bundled, *self.wheels.glob("hostlib-1.0-*"), *self.wheels.glob("opencv_python-4.0-*")):
            with zipfile.ZipFile(wheel) as archive:
                archive.extractall(next((folder / "env").rglob("site-packages")))
        self.environment = {**os.environ, "PIP_CONFIG_FILE": os.devnull, "PIP_NO_INDEX": "1", "PYTHONPATH": "",
                            "PIP_FIND_LINKS": self.wheels.as_uri(), "PIP_DISABLE_PIP_VERSION_CHECK": "1"}

    def run(self, *arguments, check=True, **environment):
        done = subprocess.run([str(self.python), *arguments], capture_output=True, text=True, cwd=self.wheels,
                              env={**self.environment, **environment})
        assert done.returncode == 0 or not check, done.stdout + done.stderr
        return done

    def add(self, *requirements, **environment):
        return json.loads(self.run("-c", ADD, str(self.root), *requirements, **environment).stdout.splitlines()[-1])


@pytest.fixture(scope="module")
def venv(tmp_path_factory, repo_root):
    return Venv(tmp_path_factory.mktemp("pip"), repo_root)


def test_pip_takes_the_older_version_that_fits(venv):
    answer = venv.add("fitting")
    assert answer["sentence"] == "Installed fitting 1.0, helper 3.1; no other package was changed."
    assert answer["versions"]["hostlib"] == "1.0"


def test_what_never_fits_is_installed_alone(venv):
    answer = venv.add("stubborn")
    assert answer["sentence"] == "Installed stubborn 1.0; no other package was changed."
    assert answer["versions"]["hostlib"] == "1.0" and answer["versions"]["helper"] == "3.1"


def test_the_hosts_opencv_is_not_overwritten(venv):
    answer = venv.add("painter")
    assert answer["sentence"] == ("Installed painter 1.0; no other package was changed. Left out, because their twin is "
                                  "installed: opencv-python-headless (opencv-python).")
    assert venv.run("-c", "import cv2; print(cv2.who)").stdout.strip() == "the host"


def test_offline(venv):
    before = venv.add("helper")["versions"]
    nowhere = {"PIP_NO_INDEX": "", "PIP_INDEX_URL": "http://127.0.0.1:9/simple"}
    answer = venv.add("rembg", **nowhere)
    assert answer["error"] == "no connection to the package index"
    assert answer["versions"] == before


def test_a_name_that_the_index_lacks(venv):
    answer = venv.add("rembg")
    assert answer["error"].startswith("the package index cannot be reached, or has no build for Python ")


def test_install_py_by_hand_says_what_is_off(venv):
    done = venv.run(str(venv.root / "install.py"), "matting", check=False)
    assert done.returncode == 1
    assert ("[Relight] installation left undone: Cutting out the subject is off, because rembg>=2.0.50, onnxruntime could not "
            "be installed: the package index cannot be reached") in done.stdout


def test_install_py_at_the_hosts_start_never_fails(venv):
    done = venv.run(str(venv.root / "install.py"))
    assert done.stdout == "[Relight] torch is not installed; that is the host's work, nothing was installed.\n"
    assert done.stderr == ""
