"""Light maps are computed in bands: the same bits as in one piece, in bounded memory, cancelled between two bands."""

import tracemalloc

import numpy as np
import pytest
from sd_relight.lib_iclight import light_map
from sd_relight.lib_iclight.light_kinds import LIGHTS
from sd_relight.lib_iclight.params import IcLightParams

EIGHT = IcLightParams(light="left", light_color="#ffb46b", lights=tuple(
    {"light": "spot", "light_color": "#4080ff", "light_x": number / 8} for number in range(7)))


@pytest.mark.parametrize("kind", [kind for kind in LIGHTS if kind != "none"])
@pytest.mark.parametrize("fields", [
    {}, {"light_gamma": 2.3}, {"light_color": "2700K", "intensity": 0.4},
    {"lights": ({"light": "angle", "light_angle": 33.0, "light_color": "#4080ff"}, {"light": "ambient"})}], ids=str)
def test_bands_are_bit_equal_to_the_whole_map(kind, fields, rng, monkeypatch):
    custom = rng.integers(0, 256, (131, 257, 3), dtype=np.uint8)
    params = IcLightParams(light=kind, light_angle=31.0, **fields)
    for model in ("fc", "fbc"):
        monkeypatch.setattr(light_map, "BAND_PIXELS", 2**30)
        whole = light_map.render_lights(params, model, 257, 131, custom)
        monkeypatch.setattr(light_map, "BAND_PIXELS", 257 * 7)
        assert light_map.render_lights(params, model, 257, 131, custom).tobytes() == whole.tobytes()


def test_a_large_map_with_eight_lights_needs_little_memory():
    """In one piece 16 megapixels took 1.5 GB, hence these two 190 MB; the bands do not grow with the height."""
    tracemalloc.start()
    try:
        result = light_map.render_lights(EIGHT, "fc", 2048, 1024)
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert peak - result.nbytes < 100 * 2**20


def test_a_map_can_be_cancelled_before_each_band(monkeypatch):
    monkeypatch.setattr(light_map, "BAND_PIXELS", 640)
    begun = []

    def third_time():
        begun.append(1)
        if len(begun) == 3:
            raise InterruptedError

    with pytest.raises(InterruptedError):
        light_map.render_lights(EIGHT, "fc", 64, 64, before_band=third_time)
    assert len(begun) == 3
