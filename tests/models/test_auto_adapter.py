"""`model: auto` of a unit: the best adapter that fits the selected checkpoint."""

import pytest
from ipadapter.ip_files import write_published
from sd_relight.lib_relight.base.errors import RelightError
from sd_relight.lib_relight.models import checkpoint, ip_adapter_files
from sd_relight.lib_relight.models.checkpoint import Checkpoint


@pytest.fixture
def auto(tmp_path, monkeypatch):
    """auto(stems, family) -> the stem that is taken with these files beside a checkpoint of this family, None for none."""
    def taken(stems, family):
        monkeypatch.setattr(checkpoint, "selected", lambda: family and Checkpoint("any", family))
        for stem in stems:
            write_published(tmp_path, stem)
        return ip_adapter_files.resolve("auto", [tmp_path]).stem

    return taken


ALL = ("ip-adapter-faceid_sd15", "ip-adapter-plus-face_sd15", "ip-adapter-plus_sd15", "ip-adapter_sd15", "ip-adapter_sd15_light",
       "ip-adapter-plus_sdxl_vit-h", "ip-adapter_sdxl_vit-h")


@pytest.mark.parametrize("stems, family, expected", [
    (ALL, "sd15", "ip-adapter_sd15"), (ALL, "sdxl", "ip-adapter_sdxl_vit-h"), (ALL[:3], "sd15", "ip-adapter-plus_sd15"),
    (ALL[:2], "sd15", "ip-adapter-plus-face_sd15"), (ALL[:1], "sd15", "ip-adapter-faceid_sd15"),
    (ALL[5:], "unknown", "ip-adapter_sdxl_vit-h"), (ALL[3:4], None, "ip-adapter_sd15"),
])
def test_the_best_that_fits(auto, stems, family, expected):
    assert auto(stems, family) == expected


def test_nothing_that_fits(auto, tmp_path):
    with pytest.raises(RelightError) as caught:
        auto(ALL[:5], "sdxl")
    assert caught.value.detail == (
        f"`model` of an `ip_adapter` unit is 'auto', but no adapter for SDXL is in {tmp_path}; put one there, such as "
        "ip-adapter_sd15.safetensors or ip-adapter_sdxl_vit-h.safetensors.")
