"""Settings that make a unit do nothing are said."""

import pytest
from sd_relight.lib_ipadapter.params import IpAdapterParams
from sd_relight.lib_ipadapter.timing import Window
from sd_relight.lib_relight import ip_remarks
from sd_relight.lib_relight.ip_request import IpUnit


def units(*options):
    return [IpUnit(IpAdapterParams(model="plus", hr_option=option)) for option in options]


def test_a_unit_for_a_pass_that_is_not_there():
    said = list(ip_remarks.of_job(units("both", "high", "low"), has_hires=False))
    assert said == ["Relight: the unit 'plus' works in the hires pass only, which this job does not have; it did nothing. "
                    "Set its `hr_option` to both or low."]
    assert list(ip_remarks.of_job(units("both", "high", "low"), has_hires=True)) == []


@pytest.mark.parametrize("window, steps, silent", [
    (Window(0.55, 0.7), 4, False), (Window(0.55, 0.7), 20, True), (Window(), 1, True), (Window(0.55, 0.7, "sigma"), 4, True),
    (Window(0.55, 0.7), 0, True)])
def test_a_window_between_two_steps(window, steps, silent):
    said = list(ip_remarks.of_pass([window, window], steps))
    assert said == ([] if silent else ["Relight: `start` 0.55 and `end` 0.7 hold none of the 4 steps; that unit did nothing. "
                                       "Set them further apart."])
