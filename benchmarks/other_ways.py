"""The same fc job without Relight, for `dev.py bench`: the original's arithmetic, and what other extensions do in every job."""

from __future__ import annotations

import copy
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from .comparison import Case
from .job_cost import Cost, Stopwatch, memory, reset_peak
from .original import Original, cut_on_grey, gradient, read_offsets, resize_and_crop


class OtherWays:
    """Both ways on one loaded checkpoint. path: of the fc file; device: whose time counts."""

    def __init__(self, original: Original, case: Case, path: Path, device: str):
        self.original, self.case, self.path, self.device = original, case, path, device
        self.merged, offsets = original.merged(path)
        self.unmerged = copy.deepcopy(self.merged)
        shift(self.unmerged, offsets, -1)

    def as_original(self) -> Cost:
        """Return the cost of the original's pipeline, its weights already merged."""
        stopwatch, start = self.begin()
        return self.sample(stopwatch, start, self.merged, self.original.encode(self.subject()))

    def as_habit(self) -> Cost:
        """Return the cost of a job that reads and merges the weights itself, samples its condition, and puts the weights back."""
        stopwatch, start = self.begin()
        offsets = read_offsets(self.path)
        kept = {key: value.clone() for key, value in self.unmerged.state_dict().items()}
        shift(self.unmerged, offsets, 1)
        cost = self.sample(stopwatch, start, self.unmerged, self.original.encode(self.subject(), is_sampled=True))
        began = stopwatch()
        self.unmerged.load_state_dict(kept)
        back = stopwatch() - began
        return Cost(cost.total + back, cost.before_first_step, cost.per_step, 1, self.path.stat().st_size, 2, len(offsets),
                    cost.peak_megabytes, cost.megabytes)

    def begin(self) -> tuple[Stopwatch, float]:
        """Return a stopwatch and its time now; the peak of memory is counted from here."""
        reset_peak(self.device)
        stopwatch = Stopwatch(self.device)
        return stopwatch, stopwatch()

    def subject(self) -> Any:
        return resize_and_crop(cut_on_grey(self.case.photo, self.case.matte), *self.case.size)

    def sample(self, stopwatch: Stopwatch, start: float, unet: Any, condition: Tensor) -> Cost:
        """Encode light and prompts, sample and decode. start: the stopwatch's time when the job began."""
        original, case = self.original, self.case
        light = original.encode(gradient(case.side, *case.size))
        texts, sigmas = tuple(map(original.tokens, (case.prompt, case.negative))), original.sigmas(case.steps, case.strength)
        x = original.start(light, case.seed, condition.shape, sigmas[0])
        ready = stopwatch()
        latent = original.sample(unet, x, sigmas, texts, condition, case.cfg)
        sampled = stopwatch()
        original.decode(latent)
        peak, present = memory(self.device)
        return Cost(stopwatch() - start, ready - start, (sampled - ready) / case.steps, encodes=2, peak_megabytes=peak,
                    megabytes=present)


@torch.no_grad()
def shift(unet: Any, offsets: dict[str, Tensor], sign: int) -> None:
    """Add the offsets to a UNet's weights, or take them away."""
    for key, value in unet.state_dict().items():
        value.add_(offsets[key].to(value), alpha=sign)
