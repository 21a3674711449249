"""The Settings section on the embedded host: its options exist and take effect immediately."""

import shutil

import requests
from api.serving import ROOT


def test_the_options_are_the_hosts_and_a_folder_is_searched_at_once(host, get, tmp_path):
    before = {name: value for name, value in get("options").items() if name.startswith("relight_")}
    assert before == {"relight_matting": "auto", "relight_iclight_dir": "", "relight_ipadapter_dir": "", "relight_models_dirs": "",
                      "relight_extras": True, "relight_weights_mb": 4096, "relight_pictures_mb": 960}
    shutil.copy(ROOT / "models" / "demo" / "iclight_fc.safetensors", tmp_path / "my_own_light.safetensors")

    def models(folder):
        answer = requests.post(f"{host.url}/sdapi/v1/options", json={"relight_iclight_dir": folder}, timeout=30)
        assert answer.status_code == 200
        return requests.get(f"{host.url}/relight/v1/status", timeout=30).json()["iclight_models"]

    assert "my_own_light" in models(str(tmp_path))
    assert "my_own_light" not in models("")
