"""What `models check` says of files: kind, base, whole or broken; and which files it looks at."""

import hashlib

import pytest
import torch
from ipadapter.ip_files import PUBLISHED, write_published
from matting import tiny_onnx
from safetensors.torch import save_file
from sd_relight.lib_ipadapter.files.families import BY_NAME
from sd_relight.lib_relight.base.known_files import KnownFile
from sd_relight.lib_relight.models import inspection
from sd_relight.lib_relight.models.integrity import STAGING


@pytest.mark.parametrize("name, what, fits", [
    ("iclight_fc.safetensors", "IC-Light fc", "SD 1.5"), ("iclight_fbc.safetensors", "IC-Light fbc", "SD 1.5"),
    ("ip-adapter.safetensors", "IP-Adapter base", "SD 1.5"),
    ("image_encoder/model.safetensors", "image encoder a vision encoder of width 64", "IP-Adapter"),
    ("unet/diffusion_pytorch_model.safetensors", "checkpoint", "SD 1.5"),
    ("vae/diffusion_pytorch_model.safetensors", "VAE", ""),
])
def test_the_demo_models(repo_root, name, what, fits):
    report = inspection.inspect(repo_root / "models/demo" / name)
    assert (report.what, report.fits, report.whole, report.message) == (what, fits, None, "")


@pytest.mark.parametrize("stem", PUBLISHED)
def test_every_published_adapter_and_a_truncated_one(tmp_path, stem):
    path = write_published(tmp_path, stem)
    family, base, *_ = PUBLISHED[stem]
    report = inspection.inspect(path)
    assert (report.what, report.fits) == (f"IP-Adapter {BY_NAME[family].title}", inspection.BASES[base]) and report.whole is None
    with path.open("r+b") as file:
        file.truncate(path.stat().st_size // 2)
    assert inspection.inspect(path).whole is False


def test_negative_tokens(tmp_path):
    save_file({"data": torch.zeros(1, 4, 8)}, tmp_path / "any.safetensors")
    assert inspection.inspect(tmp_path / "any.safetensors").what == "negative tokens"


@pytest.mark.parametrize("name, what", [("my-isnet", "matting model"), ("other", "matting model")])
def test_onnx_files(tmp_path, name, what):
    path = tmp_path / f"{name}.onnx"
    path.write_bytes(tiny_onnx.mean_of_channels(320))
    assert inspection.inspect(path).what == what
    path.write_bytes(path.read_bytes()[:-20])
    broken = inspection.inspect(path)
    assert (broken.what, broken.whole, broken.message) == ("damaged or unreadable", False, "it is no whole ONNX file")


@pytest.mark.parametrize("content", [b"", b"<!doctype html><html>404</html>", b"version https://git-lfs.github.com/spec/v1\n"])
@pytest.mark.parametrize("suffix", ["safetensors", "onnx", "bin"])
def test_broken_files_are_named_broken(tmp_path, suffix, content):
    path = tmp_path / f"model.{suffix}"
    path.write_bytes(content)
    report = inspection.inspect(path)
    assert report.whole is False and report.message


def test_a_published_file_is_known_by_its_content(tmp_path, monkeypatch):
    path = tmp_path / "renamed.safetensors"
    save_file({"data": torch.zeros(3)}, path)
    content = path.read_bytes()
    known = KnownFile("tiny", "tiny.safetensors", "IC-Light", "Apache-2.0", "x", "tests", size=len(content),
                      sha256=hashlib.sha256(content).hexdigest(), base="sd15", url="http://x")
    monkeypatch.setattr(inspection, "known_files", lambda: {"tiny": known})
    report = inspection.inspect(path)
    assert (report.what, report.fits, report.known, report.whole) == ("IC-Light", "SD 1.5", "tiny", True)
    other = path.rename(tmp_path / "tiny.safetensors")
    save_file({"data": torch.zeros(5)}, other)
    assert inspection.inspect(other).message == f"it has {other.stat().st_size} bytes, the published tiny.safetensors has {len(content)}"


def test_the_files_of_a_folder(tmp_path):
    for name in ("a/b/c.safetensors", "d.onnx", "e.bin", "f.txt", f"{STAGING}/x/g.safetensors"):
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_bytes(b"")
    assert [path.name for path in inspection.model_files(tmp_path)] == ["c.safetensors", "d.onnx", "e.bin"]
    assert inspection.model_files(tmp_path / "d.onnx") == [tmp_path / "d.onnx"]
