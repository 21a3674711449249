"""rembg on hand-made models with known mattes."""

import sys
import threading

import numpy as np
import pytest
from matting import tiny_onnx
from PIL import Image
from sd_relight.lib_relight.base import caches, settings
from sd_relight.lib_relight.base.caches import counters
from sd_relight.lib_relight.base.errors import RelightError
from sd_relight.lib_relight.base.progress import Progress
from sd_relight.lib_relight.matting import matting, model_table
from sd_relight.lib_relight.packages import optional

pytestmark = pytest.mark.skipif(bool(optional.missing("matting")),
                                reason="rembg and onnxruntime are not installed (python install.py matting)")
BYTE = 1 / 255 + 1e-6  # rembg truncates to 8 bits


@pytest.fixture
def tiny(folder):
    """A model of the U2-Net kind that answers with the image's brightness."""
    (folder / "tiny.onnx").write_bytes(tiny_onnx.mean_of_channels(320))
    return "tiny"


def test_a_file_of_the_users_gives_the_known_matte(tiny, ramp, ramp_alpha):
    alpha = matting.matte(ramp, tiny)
    assert alpha.dtype == np.float32 and alpha.shape == (320, 320)
    np.testing.assert_allclose(alpha, ramp_alpha, atol=BYTE)


def test_the_matte_is_soft(tiny, ramp):
    assert len(np.unique(matting.matte(ramp, tiny))) > 100


def test_the_matte_has_the_images_size(tiny):
    image = np.zeros((90, 200, 3), np.uint8)
    image[:, :100] = 255
    alpha = matting.matte(Image.fromarray(image), tiny)
    assert alpha.shape == (90, 200)
    assert alpha[:, :95].min() == 1 and alpha[:, 105:].max() == 0


@pytest.mark.parametrize("mode", ["L", "RGBA", "P", "CMYK"])
def test_images_of_other_modes(tiny, mode):
    image = np.zeros((320, 320, 3), np.uint8)
    image[:160] = 255
    alpha = matting.matte(Image.fromarray(image).convert(mode), tiny)
    assert alpha[:160].min() == 1 and alpha[160:].max() == 0


@pytest.mark.parametrize(("name", "side", "session"), [
    ("plain320", 320, "U2netCustomSession"), ("plain1024", 1024, "DisCustomSession"), ("free", "side", "DisCustomSession"),
    ("my-birefnet", 1024, "BiRefNetSessionGeneral"), ("RMBG-1.4", 1024, "DisCustomSession"),
    ("rmbg-2.0", 1024, "BriaRmBgSession"), ("u2netp", 320, "U2netpSession"), ("isnet-finetuned", 1024, "DisCustomSession"),
])
def test_the_session_is_chosen_by_name_and_input(folder, name, side, session):
    (folder / f"{name}.onnx").write_bytes(tiny_onnx.mean_of_channels(side))
    image = np.zeros((60, 40, 3), np.uint8)
    image[:, :20] = 255
    alpha = matting.matte(Image.fromarray(image), name)
    assert alpha[:, :15].min() > 0.99 and alpha[:, 25:].max() < 0.01
    assert [type(each).__name__ for each in matting.sessions.values()] == [session]


def test_the_same_image_is_matted_once(tiny, ramp, ramp_alpha):
    first = matting.matte(ramp, tiny)
    first[:] = 0  # the caller owns what it gets
    second = matting.matte(ramp.copy(), tiny)
    np.testing.assert_allclose(second, ramp_alpha, atol=BYTE)
    assert (counters["mattes"], counters["matte_hits"], counters["matte_sessions"]) == (1, 1, 1)


def test_another_image_reuses_the_session(tiny, ramp):
    matting.matte(ramp, tiny)
    matting.matte(ramp.rotate(180), tiny)
    assert (counters["mattes"], counters["matte_hits"], counters["matte_sessions"]) == (2, 0, 1)


def test_a_replaced_file_is_read_again(folder, tiny, ramp):
    matting.matte(ramp, tiny)
    (folder / "tiny.onnx").write_bytes(tiny_onnx.model(
        [tiny_onnx.node("ReduceMean", ["x"], "m", axes=[1], keepdims=1), tiny_onnx.node("Neg", ["m"], "y")],
        [1, 3, 320, 320], [1, 1, 320, 320]))
    assert matting.matte(ramp, tiny)[0, 0] == 1
    assert counters["matte_sessions"] == 2


def test_the_cache_is_bounded_by_bytes(tiny, ramp, monkeypatch):
    monkeypatch.setattr(matting.mattes, "max_bytes", 2 * 320 * 320)
    turned = [ramp.rotate(angle) for angle in (0, 90, 180)]
    for image in (*turned, turned[2], turned[1], turned[0]):
        matting.matte(image, tiny)
    assert (counters["mattes"], counters["matte_hits"]) == (4, 2)


def test_two_sessions_are_kept(folder, ramp):
    for name in ("a", "b", "c", "a"):
        (folder / f"{name}.onnx").exists() or (folder / f"{name}.onnx").write_bytes(tiny_onnx.mean_of_channels(320))
        matting.matte(ramp.rotate(90 * counters["mattes"]), name)
    assert counters["matte_sessions"] == 4 and len(matting.sessions) == 2


def test_threads_share_one_session(tiny, ramp):
    threads = [threading.Thread(target=matting.matte, args=(ramp.rotate(90 * turn), tiny)) for turn in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert (counters["mattes"], counters["matte_sessions"]) == (4, 1)


def test_each_slow_step_is_named(tiny, ramp):
    messages = []
    matting.matte(ramp, tiny, Progress(messages.append))
    assert messages == ["loading the matting model tiny", "cutting out the subject with tiny"]
    matting.matte(ramp, tiny, Progress(messages.append))
    assert len(messages) == 2


def test_auto_is_the_default_model(tiny, ramp, ramp_alpha, monkeypatch):
    monkeypatch.setitem(settings.source, "read", lambda name, default: "tiny" if name == "relight_matting" else default)
    np.testing.assert_allclose(matting.matte(ramp), ramp_alpha, atol=BYTE)


def test_rembgs_own_model_from_its_folder(folder, ramp, ramp_alpha, tmp_path, monkeypatch):
    home = tmp_path / "home"
    home.mkdir()
    (home / "u2net.onnx").write_bytes(tiny_onnx.mean_of_channels(320))
    monkeypatch.setenv("U2NET_HOME", str(home))
    monkeypatch.setenv("MODEL_CHECKSUM_DISABLED", "1")
    np.testing.assert_allclose(matting.matte(ramp, "u2net"), ramp_alpha, atol=BYTE)


def test_every_listed_model_is_known_to_rembg():
    names = {session.name() for session in optional.load("matting", "rembg.sessions").sessions_class}
    assert set(model_table.MODELS) <= names


def test_no_listed_model_leaves_the_machine():
    classes = {session.name(): session for session in optional.load("matting", "rembg.sessions").sessions_class}
    assert all(getattr(classes[name], "is_local", lambda: True)() for name in model_table.MODELS)


def test_rembg_runs_without_pymatting(tiny, ramp):
    """Its first import compiles for minutes."""
    matting.matte(ramp, tiny)
    assert "pymatting" not in sys.modules


# --- refusals: each has its sentence -----------------------------------------------------------------------------------


def sentence(*arguments):
    with pytest.raises(RelightError) as caught:
        matting.matte(*arguments)
    assert caught.value.status_code == 422
    return caught.value.detail


def test_a_web_page_saved_as_onnx(folder, ramp):
    (folder / "broken.onnx").write_bytes(b"<!doctype html><html>404</html>")
    message = sentence(ramp, "broken")
    assert message.startswith(f"{folder / 'broken.onnx'} (31 bytes) is no readable ONNX model (")
    assert message.endswith("; delete it and download it again.")


def test_a_broken_file_with_a_known_name(folder, ramp):
    (folder / "u2net.onnx").write_bytes(tiny_onnx.mean_of_channels(320)[:60])
    assert "u2net.onnx (60 bytes) is no readable ONNX model" in sentence(ramp, "u2net")


def test_an_onnx_file_of_another_kind(folder, ramp):
    (folder / "other.onnx").write_bytes(tiny_onnx.mean_of_channels(320, channels=1))
    assert sentence(ramp, "other") == (
        "other.onnx is an ONNX model with an input of shape [1, 1, 320, 320], not a matting model, which takes "
        "[1, 3, height, width]; choose another file.")


def test_an_unheard_of_input_size(folder, ramp):
    (folder / "odd.onnx").write_bytes(tiny_onnx.mean_of_channels(512))
    assert sentence(ramp, "odd") == (
        "odd.onnx takes images of 512 pixels a side; matting models of the U2-Net family take 320, those of the IS-Net "
        "family 1024; choose another file.")


def test_a_name_that_promises_another_input(folder, ramp):
    (folder / "isnet-mine.onnx").write_bytes(tiny_onnx.mean_of_channels(320))
    message = sentence(ramp, "isnet-mine")
    assert message.startswith("The matting model isnet-mine could not be run on the image (")
    assert message.endswith("it is no U2-Net, IS-Net or BiRefNet model, or it is damaged: choose another one.")


def test_nothing_found(folder, ramp):
    (folder / "blind.onnx").write_bytes(tiny_onnx.constant(320))
    assert sentence(ramp, "blind") == (
        "blind shows no subject (0.00% of the image); choose another matting model, give a mask that is white on the "
        "subject, or set matting to none.")


def test_a_download_that_fails(folder, ramp, tmp_path, monkeypatch):
    monkeypatch.setenv("U2NET_HOME", str(tmp_path / "empty"))
    for name in ("HTTPS_PROXY", "https_proxy"):
        monkeypatch.setenv(name, "http://127.0.0.1:9")
    message = sentence(ramp, "silueta")
    assert message == (
        "The matting model silueta could not be downloaded from https://github.com/danielgatis/rembg/releases/download/v0.0.0/"
        f"silueta.onnx (no connection); go online and try again, or save that file as {folder / 'silueta.onnx'}.")


def test_downloads_are_switched_off(folder, ramp, tmp_path, monkeypatch):
    monkeypatch.setenv("U2NET_HOME", str(tmp_path / "empty"))
    monkeypatch.setitem(optional.settings, "downloads", False)
    assert sentence(ramp, "silueta") == (
        "The matting model silueta is not there, and downloads are switched off by --relight-no-download; save https://github.com/"
        f"danielgatis/rembg/releases/download/v0.0.0/silueta.onnx as {folder / 'silueta.onnx'}, or choose another model.")


def test_a_model_that_the_installed_rembg_lacks(folder, ramp, monkeypatch):
    monkeypatch.setitem(model_table.MODELS, "u3net", model_table.MODELS["u2net"])
    message = sentence(ramp, "u3net")
    assert message.startswith("The installed rembg does not know the matting model u3net; choose one of u2netp, isnet-general-use, u2net,")


def test_a_failure_is_not_cached(folder, ramp, ramp_alpha):
    (folder / "late.onnx").write_bytes(b"not yet")
    sentence(ramp, "late")
    (folder / "late.onnx").write_bytes(tiny_onnx.mean_of_channels(320))
    np.testing.assert_allclose(matting.matte(ramp, "late"), ramp_alpha, atol=BYTE)


def test_lack_of_memory_releases_all_sessions(folder, ramp, monkeypatch):
    for name in ("one", "two"):
        (folder / f"{name}.onnx").write_bytes(tiny_onnx.mean_of_channels(320))
    matting.matte(ramp, "one")

    def no_memory(*arguments):
        raise MemoryError

    monkeypatch.setattr(matting.inference, "predict", no_memory)
    with pytest.raises(MemoryError):
        matting.matte(ramp, "two")
    assert not matting.sessions and not matting.mattes.entries


def test_the_licence_is_reported_before_a_download(folder, ramp, tmp_path, monkeypatch, capsys):
    monkeypatch.setenv("U2NET_HOME", str(tmp_path / "empty"))
    for name in ("HTTPS_PROXY", "https_proxy"):
        monkeypatch.setenv(name, "http://127.0.0.1:9")
    sentence(ramp, "bria-rmbg")
    assert "bria-rmbg is under CC BY-NC 4.0: non-commercial use only" in capsys.readouterr().out
    assert caches.counters["matte_sessions"] == 0
