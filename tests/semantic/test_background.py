"""fbc: the subject's light agrees with its background's."""

import pytest
import torch
from sd_relight.training.metrics import lit_difference, mean_inside
from semantic.relighting import relight_from_noise

pytestmark = pytest.mark.same_everywhere
COUNT = 6


@pytest.fixture(scope="module")
def before_other_walls(host, objects):
    """Each object before the next one's wall."""
    return torch.cat([relight_from_noise(host, objects, i, {"background": objects.wall((i + 1) % COUNT)},
                                         prompt=objects.prompt(i, "light")) for i in range(COUNT)])


def test_the_subject_is_lit_from_the_backgrounds_bright_side(before_other_walls, objects):
    angles = torch.tensor([objects.angles[(i + 1) % COUNT] for i in range(COUNT)])
    difference = lit_difference(before_other_walls, objects.images.alpha, angles)
    assert (difference > 0).sum() >= COUNT - 1, difference
    assert difference.mean() > 0.05, difference


def test_the_background_is_the_one_that_was_given(before_other_walls, objects):
    """Its wall is nearer to the image's own background than to the background of the object's old scene."""
    outside = (objects.images.alpha < 0.01).float()
    own = objects.images.background
    given = own.roll(-1, 0)
    error = mean_inside((before_other_walls - given).abs(), outside).mean(1)
    old_error = mean_inside((before_other_walls - own).abs(), outside).mean(1)
    assert (error < old_error).sum() >= COUNT - 1, (error, old_error)
