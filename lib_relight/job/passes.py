"""The interface of the two halves of a job, IC-Light and IP-Adapter, and what both get for each sampling pass."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

from PIL import Image
from torch import Tensor

from ..hosts.results import Added
from ..hosts.types import Processing, UnetPatcher
from .frame import Frame, Frames


@dataclass(frozen=True)
class Sampling:
    """One sampling pass of a job.

    unet: this pass's clone.  x: the latent about to be sampled, [B, 4, h, w].  noise: of the same shape.
    starts_late: whether it may run only a part of its schedule: img2img and hires.
    first_image: number in the job, from 0, of the batch's first image.
    """

    unet: UnetPatcher
    x: Tensor
    noise: Tensor
    frames: Frames
    is_hr_pass: bool = False
    starts_late: bool = False
    first_image: int = 0

    @property
    def batch(self) -> int:
        return self.x.shape[0]

    @property
    def size(self) -> tuple[int, int]:
        """(width, height) in pixels; the host's own arithmetic for hires passes is not trusted."""
        return self.x.shape[3] * 8, self.x.shape[2] * 8


class Pass(Protocol):
    """One half of a job. The methods follow the host's hooks in their order. image: number in the job, from 0."""

    def prepare(self, p: Processing) -> None:
        """process: the checkpoint is loaded; cut out subjects, encode images."""

    def report(self, image: int) -> str:
        """Return what was applied to an image, for its infotext."""

    def infotext(self, image: int) -> dict[str, str]: ...
    def works_in(self, is_hr_pass: bool) -> bool: ...
    def apply(self, p: Processing, sampling: Sampling) -> None:
        """process_before_every_sampling: patch the clone."""

    def finish(self, image: Image.Image, index: int, frame: Frame) -> Image.Image:
        """postprocess_image: work on a finished image. index: its place in the batch."""

    def extras(self, size: tuple[int, int], frames: Frames) -> list[Added]:
        """Return images of what was done."""

    def products(self, images: Sequence[Image.Image], frames: Frames, extras: bool) -> list[Added]:
        """Return images and files that are made of the job's results. extras: whether intermediate ones too."""
