"""Use this light: a normal map of a set, and when it would not lie on its subject."""

import json

import numpy as np
import pytest
from encoding import encoded
from PIL import Image
from sd_relight.embedded_host.install import install_modules
from sd_relight.lib_common.errors import UserError
from sd_relight.lib_relight.ui.actions import Page

MARKER = "steps: 2\nSteps: 2, Relight: \"fc, left, fc.safetensors\", Relight set: normals"


@pytest.fixture(scope="module")
def use_light(repo_root, tmp_path_factory):
    install_modules(repo_root / "models" / "demo", device="cpu", data_dir=tmp_path_factory.mktemp("data"))
    from sd_relight.lib_relight.ui.use_light import use_light

    return use_light


def used(use_light, infotext, **values):
    selected = json.dumps({"index": 0, "image": encoded(Image.new("RGB", (24, 16), (200, 90, 220)))})
    return use_light(Page("txt2img", values, {}), selected, json.dumps({"infotexts": [infotext]}))


def test_a_normal_map_of_a_placed_job_is_not_moved_twice(use_light):
    placed = f'{MARKER}, Relight place: "0.3, 0.65, 0.5"'
    with pytest.raises(UserError) as raised:
        used(use_light, placed, place="0.3, 0.65, 0.5")
    assert str(raised.value) == (
        "The normal map shows the subject where `place` has put it, and `place` would move it once more; make the map without "
        "`place`, or empty `place` and take the result as the subject.")
    for infotext, place in ((placed, ""), (MARKER, "0.3, 0.65, 0.5")):
        values, message, *images = used(use_light, infotext, place=place)
        assert values == {"set": "none", "light_elevation": 30.0} and message.startswith("The normal map shades the subject")
        assert any(isinstance(image, Image.Image) and (np.asarray(image) == (200, 90, 220)).all() for image in images)
