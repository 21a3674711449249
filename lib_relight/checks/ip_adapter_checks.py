"""What would stay without effect in silence: said under the picture, while the job goes on."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from ...lib_ipadapter.attend.attention import Unit
from ...lib_ipadapter.attend.timing import StepClock, Window
from ..request.ip_adapter_unit import IpUnit


def of_job(units: Iterable[IpUnit], has_hires: bool) -> Iterator[str]:
    """Units that wait for a hires pass that this job does not have."""
    for unit in units:
        if unit.params.hr_option == "high" and not has_hires:
            yield (f"Relight: the unit {unit.params.model!r} works in the hires pass only, which this job does not have; it did "
                   "nothing. Set its `hr_option` to both or low.")


def of_pass(windows: Iterable[Window], clock: StepClock) -> Iterator[str]:
    """Windows between two of the pass's steps. clock: knows those that are really run."""
    for window in dict.fromkeys(windows):
        if not clock.opens(window):
            steps, way_out = f"{clock.steps} steps", "Set them further apart"
            if window.mode == "sigma":
                steps, way_out = f"noise levels of the {steps}", f"{way_out}, or `timing` to steps"
            yield (f"Relight: `start` {window.start:g} and `end` {window.end:g} hold none of the {steps}; that unit did nothing. "
                   f"{way_out}.")


def of_masks(model: str, made: Iterable[Unit]) -> Iterator[str]:
    """A unit that is masked out of all that is sampled. made: what its prompts became for this pass."""
    masks = [unit.mask for unit in made]
    if masks and all(mask is not None and not mask.mask.any() for mask in masks):
        yield (f"Relight: the mask of the unit {model!r} is black in all of the picture that is made; it did nothing. Paint "
               "white where it should work.")
