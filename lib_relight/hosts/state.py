"""The state of one job, kept on the host's processing object `p` and nowhere else."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from .types import Processing, Sampler

ATTRIBUTE = "relight"


@dataclass
class JobState:
    """What Relight remembers between the hooks of one process_images call.

    job: the RelightJob, None while Relight is off or after it failed.  remarks: messages for the infotext.
    rejected: the job of a page ended before sampling, so that it has no infotext.
    images_kept: how many images an interrupted job keeps, None for all.  raises: what replaced `init` and `sample` of a
    failed job.  full_steps: the sampler that already runs all steps.  guarded: the sampler that already reports lack of
    memory.  patched, pending: A1111's sampler that applies patches, and the patches for its next run.
    """

    job: Any = None
    remarks: list[str] = field(default_factory=list)
    rejected: bool = False
    images_kept: int | None = None
    raises: Callable | None = None
    full_steps: Sampler | None = None
    guarded: Sampler | None = None
    patched: Sampler | None = None
    pending: Any = None


def state_of(p: Processing) -> JobState:
    """Return the state of p's job, an empty one where there is none yet."""
    return vars(p).setdefault(ATTRIBUTE, JobState())


def reset(p: Processing) -> JobState:
    """Start a new job on p. A host's batch runs one p several times: an earlier failure must not stop the next run."""
    raises = state_of(p).raises
    for name in ("init", "sample"):
        if raises is not None and vars(p).get(name) is raises:
            delattr(p, name)
    setattr(p, ATTRIBUTE, JobState())
    return state_of(p)
