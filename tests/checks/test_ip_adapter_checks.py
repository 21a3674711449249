"""Units that have no effect in a pass are reported."""

from types import SimpleNamespace

import pytest
import torch
from sd_relight.lib_ipadapter.attend.maskgrid import MaskGrid
from sd_relight.lib_ipadapter.attend.timing import StepClock, Window
from sd_relight.lib_relight.checks import ip_adapter_checks


@pytest.mark.parametrize("window, steps, silent", [
    (Window(0.55, 0.7), 4, False), (Window(0.55, 0.7), 20, True), (Window(), 1, True), (Window(0.55, 0.7), 0, True)])
def test_a_window_between_two_steps(window, steps, silent):
    messages = list(ip_adapter_checks.window_messages([window, window], StepClock(range(steps, 0, -1))))
    assert messages == ([] if silent else ["Relight: `start` 0.55 and `end` 0.7 hold none of the 4 steps; that unit did nothing. "
                                       "Set them further apart."])


def test_a_curve_that_is_0_in_every_step():
    messages = list(ip_adapter_checks.window_messages([Window(0, 0.5, curve="fade in-out")], StepClock([4, 3, 2, 1])))
    assert messages == ["Relight: `curve` 'fade in-out' is 0 in all steps between `start` 0 and `end` 0.5; that unit did nothing. "
                        "Choose another curve, or run more steps."]


def test_noise_levels_that_the_job_never_has():
    """The trap of sigma mode: img2img at a low denoise starts below the level that `end` names."""
    clock = StepClock([1.1, 0.6, 0.3], lambda percent: 1e9 if percent <= 0 else 3.2 * (1 - percent))
    messages = list(ip_adapter_checks.window_messages([Window(0.0, 0.5, "sigma"), Window(0.0, 0.9, "sigma")], clock))
    assert messages == ["Relight: `start` 0 and `end` 0.5 hold none of the noise levels of the 3 steps; that unit did nothing. Set them "
                    "further apart, or `timing` to steps."]


def test_a_mask_without_white():
    def made(*masks):
        return [SimpleNamespace(mask=None if mask is None else MaskGrid(torch.full((1, 8, 8), mask))) for mask in masks]

    sentence = ("Relight: the mask of the unit 'plus' is black in all of the image that is made; it did nothing. Paint white where "
                "it should work.")
    assert list(ip_adapter_checks.black_mask_messages("plus", made(0.0))) == [sentence]
    assert list(ip_adapter_checks.black_mask_messages("plus", made(0.0, 0.0))) == [sentence]
    for masks in ((None,), (0.2,), (0.0, 1.0), (0.0, None), ()):
        assert list(ip_adapter_checks.black_mask_messages("plus", made(*masks))) == []
