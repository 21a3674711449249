"""What would stay without effect in silence: said under the picture, while the job goes on."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from ..lib_ipadapter.timing import Window, active_steps
from .ip_request import IpUnit


def of_job(units: Iterable[IpUnit], has_hires: bool) -> Iterator[str]:
    """Units that wait for a hires pass that this job does not have."""
    for unit in units:
        if unit.params.hr_option == "high" and not has_hires:
            yield (f"Relight: the unit {unit.params.model!r} works in the hires pass only, which this job does not have; it did "
                   "nothing. Set its `hr_option` to both or low.")


def of_pass(windows: Iterable[Window], steps: int) -> Iterator[str]:
    """Windows between two of the pass's steps. steps: how many are really run."""
    for window in dict.fromkeys(windows):
        if steps and window.mode == "steps" and not active_steps(window, steps):
            yield (f"Relight: `start` {window.start:g} and `end` {window.end:g} hold none of the {steps} steps; that unit did "
                   "nothing. Set them further apart.")
