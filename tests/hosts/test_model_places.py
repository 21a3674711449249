"""Folders with model files: named by flags and settings, the host's own, ControlNet's and ComfyUI's."""

from types import SimpleNamespace

import pytest
from sd_relight.lib_relight.hosts.model_places import MODEL_FOLDERS, model_places, tree_places


def places(tmp_path, kind, options=None, **flags):
    found = model_places(kind, tmp_path / "models", tmp_path, SimpleNamespace(**flags), SimpleNamespace(**(options or {})))
    return [path.relative_to(tmp_path).as_posix() for path in found]


def test_the_hosts_own_and_controlnets(tmp_path):
    (tmp_path / "models").mkdir()
    (tmp_path / "models" / "fc.safetensors").write_bytes(b"")
    assert places(tmp_path, "iclight") == [*(f"models/{name}" for name in MODEL_FOLDERS["iclight"]), "models/fc.safetensors"]
    extension = ["extensions/sd-webui-controlnet/models", "extensions/sd-webui-controlnet/annotator/downloads"]
    assert places(tmp_path, "faces") == ["models/insightface", "models/ControlNetPreprocessor", *extension, "models/fc.safetensors"]


@pytest.mark.parametrize("options, flags", [
    ({"control_net_models_path": "{}/a"}, {}), ({}, {"controlnet_dir": "{}/a"}), ({}, {"controlnet_dirs": ["{}/a"]}),
    ({}, {"relight_models_dir": "{}/a"}), ({}, {"relight_models_dir": ["{}/b", "{}/a"]}),
])
def test_named_folders(tmp_path, options, flags):
    def filled(values):
        return {name: [text.format(tmp_path) for text in value] if isinstance(value, list) else value.format(tmp_path)
                for name, value in values.items()}

    assert "a" in places(tmp_path, "ipadapter", filled(options), **filled(flags))
    assert "a" not in places(tmp_path, "ipadapter", {"control_net_models_path": ""}, controlnet_dir=None)


def test_a_comfyui_tree(tmp_path):
    for name in ("checkpoints", "ipadapter", "clip_vision", "unet"):
        (tmp_path / "comfy" / "models" / name).mkdir(parents=True)
    assert tree_places(tmp_path / "comfy", "ipadapter") == [tmp_path / "comfy/models/ipadapter", tmp_path / "comfy/models"]
    assert tree_places(tmp_path / "comfy/models", "iclight") == [tmp_path / "comfy/models/unet", tmp_path / "comfy/models"]
    assert tree_places(tmp_path / "plain", "faces") == [tmp_path / "plain"]
    assert "comfy/models/clip_vision" in places(tmp_path, "clip_vision", forge_ref_comfy_home=tmp_path / "comfy")
    assert "comfy/models" not in places(tmp_path, "clip_vision", forge_ref_comfy_home=tmp_path / "comfy")
