"""The light of a photograph is found once for the same pixels, subject and normal map."""

import numpy as np
from PIL import Image
from sd_relight.lib_relight.job import copied_light
from sd_relight.lib_relight.request.images import ImageDecoder


def photo(brightness):
    y, x = (np.mgrid[:32, :32] - 15.5) / 15
    height = np.sqrt(np.maximum(0, 1 - x * x - y * y))
    level = brightness * (0.2 + 0.8 * np.maximum(0, 0.6 * x + 0.8 * height))
    pixels = np.dstack([level, level, level, 255 * (height > 0)]).astype(np.uint8)
    return ImageDecoder().decode(Image.fromarray(pixels, "RGBA"), "light_from")


def test_the_same_photograph_is_fitted_once(monkeypatch):
    fits, fit = [], copied_light.fit_lights
    monkeypatch.setattr(copied_light, "fit_lights", lambda rgb, surface: fits.append(1) or fit(rgb, surface))
    first = copied_light.copied_lights(photo(200))
    first[0]["light"] = "changed by the caller"
    again = copied_light.copied_lights(photo(200))
    assert len(fits) == 1 and again[0]["light"] == "angle"
    copied_light.copied_lights(photo(100))
    copied_light.copied_lights(photo(200), ImageDecoder().decode(Image.new("RGB", (32, 32), (200, 128, 200)), "normal_map"))
    assert len(fits) == 3
