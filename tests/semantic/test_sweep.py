"""A sweep's frames follow its light steadily: the change from frame to frame inside of the matte."""

import numpy as np
import pytest
from sd_relight.lib_iclight.light_map import render_lights
from sd_relight.lib_iclight.light_sets import expand_set
from sd_relight.lib_iclight.params import IcLightParams
from semantic.relighting import job

pytestmark = pytest.mark.same_everywhere
SIZE, FRAMES = 128, 24
SWEEP = {"set": "sweep", "set_frames": FRAMES, "light": "left", "lights": ({"light": "top"}, {"light": "right"}, {"light": "bottom"})}


def changes(frames, inside):
    """Mean absolute change from each frame to the next, the last to the first, in grey levels."""
    frames = np.stack(frames).astype(float)
    return np.abs(np.roll(frames, -1, axis=0) - frames)[:, inside].mean(axis=(1, 2))


def test_no_frame_jumps_and_all_follow_the_light(host, objects):
    subject = objects.subject(0).resize((SIZE, SIZE))
    inside = np.asarray(subject.getchannel("A")) > 127
    light = changes([render_lights(params, "fc", SIZE, SIZE) for params in expand_set(IcLightParams(**SWEEP))], inside)
    fields = {"width": SIZE, "height": SIZE, "steps": 2, "batch_size": 8, "denoising_strength": 1.0}
    result = host.img2img(job({"iclight": SWEEP}, init_images=[subject], prompt=objects.prompt(0), **fields))
    own = [np.asarray(image) for image, text in zip(result.images, result.infotexts) if "Relight light" in text][-FRAMES:]
    found = changes(own, inside)
    assert 0.2 * light.mean() < found.mean() < 1.5 * light.mean(), (found.mean(), light.mean())
    assert found.max() < 3 * np.median(found), found
