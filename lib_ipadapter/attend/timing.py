"""Schedules units: windows in executed steps or in ComfyUI's noise levels, and weight curves.

The noise level is read from the device once per model call, never inside a layer.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from torch import Tensor

NEGLIGIBLE = 1e-6
"""Factor of the weight below which a step has no image prompt: the ends of a curve, up to rounding."""


@dataclass(frozen=True)
class Window:
    """When a unit works. start, end: 0..1.  mode: steps | sigma.  curve: constant | fade in | fade out | fade in-out."""

    start: float = 0.0
    end: float = 1.0
    mode: str = "steps"
    curve: str = "constant"

    @property
    def always(self) -> bool:
        return self.start <= 0 and self.end >= 1 and self.curve == "constant"


class StepClock:
    """Tracks the current step and computes the gate of each window.

    sigmas: the executed schedule, descending, with or without the final 0 (img2img: only its own part); None if unknown.
    percent_to_sigma: the host's function, needed for windows in sigma mode.
    """

    def __init__(self, sigmas: Sequence[float] | Tensor | None = None, percent_to_sigma: Callable[[float], float] | None = None):
        self.is_known = sigmas is not None
        self.sigmas = tuple(float(sigma) for sigma in (() if sigmas is None else sigmas))
        if self.sigmas and self.sigmas[-1] == 0:
            self.sigmas = self.sigmas[:-1]
        self.steps = len(self.sigmas)
        self.percent_to_sigma = percent_to_sigma
        self._step = 0
        self._sigma = math.inf
        self._seen = None
        self._gates: dict = {}

    def __deepcopy__(self, memo) -> StepClock:
        return self

    def opens(self, window: Window) -> bool:
        """Return whether the window has a weight in any executed step; True if the schedule is unknown."""
        if not self.is_known:
            return True
        if window.always:
            return self.steps > 0
        return any(self._gate_at(window, step, sigma) > NEGLIGIBLE for step, sigma in enumerate(self.sigmas))

    def observe(self, sigmas: Tensor | None) -> None:
        """Read the noise level of this model call from its tensor; the same tensor is read once."""
        if sigmas is None or sigmas is self._seen:
            return
        self._seen = sigmas
        self._sigma = float(sigmas.reshape(-1)[0])
        self._gates.clear()
        if self.sigmas:
            tolerance = 1e-3 * self._sigma
            self._step = max(0, sum(sigma >= self._sigma - tolerance for sigma in self.sigmas) - 1)

    def gate(self, window) -> float:
        """Return the factor of the weight, 0 outside of the window. window: a Window or a foreign.SigmaRange."""
        if window.always:
            return 1.0
        if window not in self._gates:
            self._gates[window] = self._gate_at(window, self._step, self._sigma)
        return self._gates[window]

    def _gate_at(self, window, step: int, sigma: float) -> float:
        if not isinstance(window, Window):
            return float(window.low <= sigma <= window.high)
        if window.mode == "sigma" and self.percent_to_sigma is not None:
            high, low = self.percent_to_sigma(window.start), self.percent_to_sigma(window.end)
            if not low <= sigma <= high:
                return 0.0
        elif not is_open(window, step, self.steps):
            return 0.0
        return curve_value(window, step, self.steps)


def is_open(window: Window, step: int, steps: int) -> bool:
    """Return whether step `step` of `steps` lies in the window; [0, 0.5] and [0.5, 1] are disjoint and cover all steps."""
    if steps <= 0:
        return True
    return window.start * steps - 1e-6 <= step < window.end * steps - 1e-6


def active_steps(window: Window, steps: int) -> range:
    """Return the steps in which the window is open."""
    inside = [step for step in range(steps) if is_open(window, step, steps)]
    return range(inside[0], inside[-1] + 1) if inside else range(0)


def curve_value(window: Window, step: int, steps: int) -> float:
    """Return the factor of the weight in a step; a window of a single step has the full weight."""
    span = active_steps(window, steps)
    if window.curve == "constant" or len(span) <= 1:
        return 1.0
    x = (step - span.start) / (len(span) - 1)
    x = min(1.0, max(0.0, x))
    if window.curve == "fade in":
        return math.sin(math.pi * x / 2)
    if window.curve == "fade out":
        return math.sin(math.pi * (1 - x) / 2)
    return math.sin(math.pi * x)
