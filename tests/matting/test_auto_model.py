"""Which model `matting: auto` runs: the setting, else the best that is there, else the built-in one."""

import pytest
from sd_relight.lib_relight.base import settings
from sd_relight.lib_relight.matting import auto_model
from sd_relight.lib_relight.packages import optional


@pytest.fixture
def there(folder, monkeypatch):
    """there(own, cached): put files into the user's folder and into rembg's; rembg is installed unless rembg=False."""
    monkeypatch.setattr(auto_model, "logged", set())

    def put(own=(), cached=(), rembg=True):
        monkeypatch.setattr(optional, "missing", lambda feature: [] if rembg else ["rembg"])
        for place, names in ((folder, own), (folder.parent / "u2net", cached)):
            place.mkdir(exist_ok=True)
            for name in names:
                (place / f"{name}.onnx").write_bytes(b"")
        return auto_model.auto_model(folder)

    return put


@pytest.mark.parametrize(("own", "cached", "expected"), [
    ((), (), "u2netp"),
    ((), ("u2net", "isnet-general-use"), "isnet-general-use"),
    ((), ("silueta", "isnet-anime"), "silueta"),
    ((), ("bria-rmbg",), "u2netp"),
    (("mine",), ("birefnet-general",), "mine"),
    (("a-mine", "rmbg-1.4", "my-birefnet"), (), "my-birefnet"),
    (("a-mine", "u2net-fine"), (), "u2net-fine"),
])
def test_the_best_that_is_there(there, own, cached, expected):
    assert there(own, cached) == expected


def test_without_rembg_the_built_in_one(there, capsys):
    assert there(("mine",), rembg=False) == "u2netp"
    assert "Cut-out auto uses the matting model u2netp: it is built in, and mine needs rembg" in "".join(capsys.readouterr())


def test_the_setting_is_obeyed_and_logged_once(there, monkeypatch, capsys):
    monkeypatch.setitem(settings.source, "read", lambda name, default: "u2net" if name == "relight_matting" else default)
    assert there(("mine",)) == there() == "u2net"
    assert "".join(capsys.readouterr()).count("Cut-out auto uses the matting model u2net: it is chosen in Settings.") == 1
