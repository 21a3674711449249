"""ensure() and load(): run once, thread-safe, one message on failure."""

import sys
import threading
import time

import pytest
from sd_relight.lib_relight.base.errors import RelightError
from sd_relight.lib_relight.packages import optional, pinned_pip
from sd_relight.lib_relight.packages.optional import INSTALLER, Feature


@pytest.fixture
def feature(monkeypatch, tmp_path):
    """A feature `dream` whose module `dreamlib` is not there; install() below adds it."""
    monkeypatch.setitem(optional.FEATURES, "dream", Feature("Dreaming", {"dreamlib>=2": "dreamlib"}, "stay awake"))
    monkeypatch.setattr(optional, "failures", {})
    monkeypatch.setattr(optional, "settings", {"allowed": True, "downloads": True})
    monkeypatch.syspath_prepend(tmp_path)
    yield tmp_path
    sys.modules.pop("dreamlib", None)


@pytest.fixture
def installs(monkeypatch, feature):
    """pinned_pip.install replaced: records what it is asked for and writes the module."""
    asked = []

    def install(requirements, pip, apply):
        asked.append(list(requirements))
        time.sleep(0.05)
        (feature / "dreamlib.py").write_text("answer = 42\n")
        return pinned_pip.Report(added={"dreamlib": "2.1"})

    monkeypatch.setattr(pinned_pip, "install", install)
    return asked


def refusal_of(reason):
    return (f"Dreaming is off, because dreamlib>=2 could not be installed: {reason}. Either stay awake, or go online, run "
            f'"{sys.executable}" "{INSTALLER}" dream and restart.')


def test_missing(feature):
    assert optional.missing("dream") == ["dreamlib>=2"]
    (feature / "dreamlib.py").write_text("raise RuntimeError('imported')\n")
    assert optional.missing("dream") == []


def test_ensure_installs_once_and_reports_it(installs, capsys):
    optional.ensure("dream")
    optional.ensure("dream")
    assert installs == [["dreamlib>=2"]]
    message = capsys.readouterr().out
    assert "Dreaming needs dreamlib>=2: installing once, without touching other packages..." in message
    assert "Installed dreamlib 2.1; no other package was changed." in message
    assert optional.load("dream", "dreamlib").answer == 42


def test_threads_install_once(installs):
    threads = [threading.Thread(target=optional.ensure, args=("dream",)) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert installs == [["dreamlib>=2"]]


def test_a_failure_is_reported_and_not_tried_again(feature, monkeypatch):
    tries = []

    def install(requirements, pip, apply):
        tries.append(requirements)
        raise pinned_pip.InstallError("no connection to the package index")

    monkeypatch.setattr(pinned_pip, "install", install)
    for _ in range(2):
        with pytest.raises(RelightError) as caught:
            optional.ensure("dream")
        assert caught.value.detail == refusal_of("no connection to the package index")
        assert caught.value.status_code == 422
    assert len(tries) == 1


def test_packages_that_appear_after_a_failure_are_used(feature, monkeypatch):
    monkeypatch.setitem(optional.failures, "dream", "failed before")
    (feature / "dreamlib.py").write_text("")
    optional.ensure("dream")


def test_installing_switched_off(installs):
    optional.allow_install(False)
    with pytest.raises(RelightError) as caught:
        optional.ensure("dream")
    assert caught.value.detail == refusal_of("installing is switched off")
    assert installs == []


def test_an_installation_that_does_not_help(feature, monkeypatch):
    monkeypatch.setattr(pinned_pip, "install", lambda *arguments: pinned_pip.Report())
    with pytest.raises(RelightError) as caught:
        optional.ensure("dream")
    assert caught.value.detail == refusal_of("after the installation dreamlib>=2 still cannot be found")


@pytest.mark.parametrize(("source", "shown"), [
    ("import sys; sys.exit(1)", "SystemExit: 1"),
    ("raise ImportError('DLL load failed')", "ImportError: DLL load failed"),
    ("raise AttributeError('numpy.bool8')", "AttributeError: numpy.bool8"),
])
def test_a_module_that_cannot_be_imported(feature, source, shown):
    (feature / "dreamlib.py").write_text(source)
    with pytest.raises(RelightError) as caught:
        optional.load("dream", "dreamlib")
    assert caught.value.detail == (
        f"Dreaming is off: dreamlib is installed but cannot be imported ({shown}). Either stay awake, or reinstall it: "
        f'"{sys.executable}" -m pip install --no-deps --force-reinstall dreamlib')


def test_a_module_whose_own_requirement_is_missing(feature):
    (feature / "dreamlib.py").write_text("import lazy_sheep.count")
    with pytest.raises(RelightError) as caught:
        optional.load("dream", "dreamlib")
    assert caught.value.detail == (
        "Dreaming is off: dreamlib is installed but cannot be imported (ModuleNotFoundError: No module named 'lazy_sheep'). "
        "Either stay awake, or install what it lacks: "
        f'"{sys.executable}" -m pip install lazy_sheep')


def test_the_features_there_are():
    assert optional.FEATURES["matting"].packages == {"rembg>=2.0.50": "rembg", "onnxruntime": "onnxruntime"}
    assert optional.FEATURES["faceid"].packages == {"onnxruntime": "onnxruntime"}
