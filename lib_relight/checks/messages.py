"""Messages of the checks, and the state of the host and the job that the checks depend on."""

from __future__ import annotations

import re
import sys
from collections.abc import Callable
from dataclasses import dataclass
from enum import Enum
from pathlib import Path

from ..base.errors import RelightError, shortened
from ..models.checkpoint import Checkpoint

LONGEST_VALUE = 80
LARGEST_NUMBER = sys.float_info.max
FIRST_FIELD = re.compile(r"`(\w{1,40})`")


class Level(str, Enum):
    ERROR = "error"
    """The job would fail with this message."""
    WARNING = "warning"
    """The job would run, but a field would have no or another effect."""


@dataclass(frozen=True)
class Message:
    """One sentence about one field: what is wrong, which value, what to do. field: None for a message about the host."""

    level: Level
    field: str | None
    value: object
    sentence: str

    def to_json(self) -> dict:
        return {"field": self.field, "value": self.value, "sentence": self.sentence}


@dataclass(frozen=True)
class State:
    """State of the host and the job. None: unknown; checks that depend on it are skipped.

    folders: kind of model file -> folders. init_images: how many images img2img has. init_frames: frames or pages of the one
    with most. init_is_cut_out: whether a part of any of them is transparent. init_is_like_mask: whether the first one looks like
    a mask. part_of: (width, height) of the image of which the job samples a part, see job.frame; None if it samples all
    of it. refiner: the name of the refiner's checkpoint. set_size: images of a set of lights, 1 without one.
    can_cut_out(matting): whether that model can run.
    """

    folders: Callable[[str], list[Path]]
    is_img2img: bool = False
    checkpoint: Checkpoint | None = None
    denoise: float | None = None
    has_hires: bool | None = None
    init_images: int | None = None
    init_frames: int = 1
    init_is_cut_out: bool = False
    init_is_like_mask: bool = False
    part_of: tuple[int, int] | None = None
    batch_size: float | None = None
    cfg_scale: float | None = None
    refiner: object = None
    set_size: int = 1
    can_cut_out: Callable[[str], bool] = lambda matting: True

    @property
    def batch(self) -> float | None:
        """Return the number of images of a batch: hosts make as many as there are img2img images, if there are several."""
        several = self.init_images is not None and self.init_images > 1
        return self.init_images if several and self.is_img2img else self.batch_size


def error(field: str | None, value: object, sentence: str) -> Message:
    return Message(Level.ERROR, field, value, shortened(sentence))


def warning(field: str | None, value: object, sentence: str) -> Message:
    return Message(Level.WARNING, field, value, shortened(sentence))


def from_error(raised: Exception) -> Message:
    """Return a user error as a message; its field is the error's, else the first that the sentence names.

    Its value is the error's if it is a short text, a boolean or a finite number, else None.
    """
    field = getattr(raised, "field", None)
    if field is None and (named := FIRST_FIELD.search(str(raised))):
        field = named[1]
    return error(field, scalar(getattr(raised, "value", None)), str(raised))


def scalar(value: object) -> bool | float | str | None:
    """Return a boolean, a finite number or a text of at most LONGEST_VALUE characters, and None for anything else."""
    if isinstance(value, str):
        return shortened(value) if len(value) <= LONGEST_VALUE else None
    return value if isinstance(value, bool) else number(value)


def number(value: object) -> float | int | None:
    """Return a finite number, None for anything else."""
    if isinstance(value, bool) or not isinstance(value, (int, float)):
        return None
    return value if -LARGEST_NUMBER <= value <= LARGEST_NUMBER else None


def no_step(strength: float | None, steps: int) -> str:
    """Return the warning of a pass that runs none of its steps. strength: of a pass that starts late, else None."""
    if strength is None:
        return ("Relight: this sampler runs one step less than the number of steps, here none, so neither light nor image "
                "prompts have an effect; raise the steps.")
    return (f"Relight: at denoising strength {strength:g} none of the {steps} steps is run, so neither light nor image prompts "
            "have an effect; raise it.")


def raise_first_error(messages: list[Message]) -> None:
    """Raise RelightError with the first error's sentence, if there is one."""
    for message in messages:
        if message.level == Level.ERROR:
            raise RelightError(message.sentence)
