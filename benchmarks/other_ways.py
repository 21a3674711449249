"""The same jobs without Relight, for `dev.py bench`: the original's arithmetic, and what other extensions do in every job."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from typing import Any

import torch
from PIL import Image
from safetensors.torch import load_file
from torch import Tensor

from ..lib_relight.matting import matting
from ..training.adapters import adapter_layers, add_processors
from ..training.models import IMAGE_TOKENS
from .comparison import Case
from .job_cost import Cost, timed
from .job_rows import HR_SCALE, HR_STRENGTH
from .original import Original, cut_on_grey, gradient, read_offsets, resize_and_crop
from .resources import Stopwatch, memory, reset_peak

Pair = tuple[Cost, Cost]


class Calls:
    """Stands between a pipeline and its UNet, so that job_cost.timed can time each call."""

    def apply_model(self, unet: Any, *args: Any) -> Any:
        return unet(*args)


class OtherWays:
    """All other ways on one loaded checkpoint; each returns its cost in a first and in a second identical job.

    original: gives up its plain UNet, so that there is one copy of the weights here, into which offsets are merged.
    path: of the fc file; adapter: of an image prompt model; device: whose time counts.
    """

    def __init__(self, original: Original, case: Case, path: Path, device: str, adapter: Path | None = None):
        self.original, self.case, self.path, self.device, self.adapter = original, case, path, device, adapter
        self.offsets = len(offsets := read_offsets(path))
        self.unet = original.plain = original.widened(offsets["conv_in.weight"].shape[1])
        self.calls = Calls()

    def as_original(self) -> Pair:
        """Return the cost of the original's pipeline: first it reads and merges the weights, then they are merged."""
        kept = self.copied()
        cold = self.measured(self.merge, self.relight, files_read=1, bytes_read=self.size(), encodes=2, merged=self.offsets)
        warm = self.measured(self.relight, encodes=2)
        self.unet.load_state_dict(kept)
        return cold, warm

    def as_habit(self) -> Pair:
        """Return the cost of jobs that read and merge the weights, sample their condition, and put the weights back."""
        return self.twice(self.habit, files_read=1, bytes_read=self.size(), encodes=2, merged=self.offsets)

    def as_habit_with_hires(self) -> Pair:
        """The same with a second pass, for which the weights are read, merged and put back once more."""
        return self.twice(self.habit_with_hires, files_read=2, bytes_read=2 * self.size(), encodes=3, merged=2 * self.offsets)

    def as_habit_with_cut_out(self) -> Pair:
        """The same with a new session of the matting model in each job."""
        return self.twice(self.habit_with_cut_out, files_read=1, bytes_read=self.size(), encodes=2, merged=self.offsets)

    def as_habit_with_prompt(self) -> Pair:
        """Return the cost of plain jobs that read an adapter and compute its keys and values at every step; the image encoder is
        left out, its tokens are random."""
        return self.twice(self.habit_with_prompt, files_read=1, bytes_read=self.adapter.stat().st_size, encodes=1)

    def twice(self, job: Callable[[], Any], **counts: int) -> Pair:
        return self.measured(job, **counts), self.measured(job, **counts)

    def measured(self, *parts: Callable[[], Any], **counts: int) -> Cost:
        """Run the parts of a job in order. counts: what is known of it."""
        reset_peak(self.device)
        seconds = timed(Stopwatch(self.device), lambda: [part() for part in parts], self.calls)
        return Cost(*seconds, **counts, memory=memory(self.device))

    @contextmanager
    def merged(self) -> Iterator[None]:
        """Read and merge the weights for a block, and restore them at its end."""
        kept = self.copied()
        self.merge()
        yield
        self.unet.load_state_dict(kept)

    def habit(self) -> None:
        with self.merged():
            self.relight(is_sampled=True)

    def habit_with_cut_out(self) -> None:
        matting.release()
        alpha = matting.matte(self.case.photo)
        with self.merged():
            self.relight(is_sampled=True, matte=Image.fromarray((alpha * 255).round().astype("uint8")))

    def habit_with_hires(self) -> None:
        case = self.case
        with self.merged():
            latent = self.sampled(self.subject(case.size, is_sampled=True), self.light(), case.strength, case.steps)
        with self.merged():
            larger = torch.nn.functional.interpolate(latent, scale_factor=HR_SCALE, mode="bilinear")
            condition = self.subject([8 * side for side in larger.shape[:1:-1]], is_sampled=True)
            latent = self.sampled(condition, larger, HR_STRENGTH, case.steps)
        self.original.decode(latent)

    @torch.no_grad()
    def habit_with_prompt(self) -> None:
        unet, state = self.unet, load_file(self.adapter)
        before = unet.attn_processors
        add_processors(unet)
        for number, processor in adapter_layers(unet):
            processor.to_k_ip[0].weight.copy_(state[f"ip_adapter.{number}.to_k_ip.weight"])
            processor.to_v_ip[0].weight.copy_(state[f"ip_adapter.{number}.to_v_ip.weight"])
            processor.to(next(unet.parameters()))
        photo = self.original.encode(resize_and_crop(self.case.photo, *self.case.size))
        tokens = torch.randn(2, 1, IMAGE_TOKENS, unet.config.cross_attention_dim).to(unet.device, unet.dtype)
        prompted = partial(with_tokens, unet, tokens)
        nothing = torch.zeros_like(photo)  # what the offsets' channels read, whose weights are 0 as long as none is merged
        self.original.decode(self.sampled(nothing, photo, self.case.strength, self.case.steps, prompted))
        unet.set_attn_processor(before)

    def relight(self, is_sampled: bool = False, matte: Image.Image | None = None) -> None:
        condition = self.subject(self.case.size, is_sampled, matte)
        self.original.decode(self.sampled(condition, self.light(), self.case.strength, self.case.steps))

    def subject(self, size: Sequence[int], is_sampled: bool = False, matte: Image.Image | None = None) -> Tensor:
        fitted = resize_and_crop(cut_on_grey(self.case.photo, matte or self.case.matte), *size)
        return self.original.encode(fitted, is_sampled)

    def light(self) -> Tensor:
        return self.original.encode(gradient(self.case.side, *self.case.size))

    def sampled(self, condition: Tensor, start: Tensor, strength: float, steps: int, unet: Any = None) -> Tensor:
        """Encode the prompts and sample from a latent."""
        original, case = self.original, self.case
        texts, sigmas = tuple(map(original.tokens, (case.prompt, case.negative))), original.sigmas(steps, strength)
        x = original.start(start, case.seed, start.shape, sigmas[0])
        timed_unet = lambda *args: self.calls.apply_model(unet or self.unet, *args)  # noqa: E731 -- found anew at each call
        return original.sample(timed_unet, x, sigmas, texts, condition, case.cfg)

    def merge(self) -> None:
        shift(self.unet, read_offsets(self.path))

    def copied(self) -> dict[str, Tensor]:
        return {key: value.clone() for key, value in self.unet.state_dict().items()}

    def size(self) -> int:
        return self.path.stat().st_size


def with_tokens(unet: Any, tokens: Tensor, rows: Tensor, time: Tensor, text: Tensor) -> Any:
    """Call a UNet with the tokens of one image for its rows, of the prompt and of the negative prompt."""
    return unet(rows, time, (text, [tokens]))


@torch.no_grad()
def shift(unet: Any, offsets: dict[str, Tensor]) -> None:
    """Add the offsets to a UNet's weights."""
    for key, value in unet.state_dict().items():
        value.add_(offsets[key].to(value))
