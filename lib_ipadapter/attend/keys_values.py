"""Computes and caches keys and values of an image prompt, so that sampling does not need the adapter's weights."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

import torch
from torch import Tensor

from .batch_rows import RowLayout, Segment
from .job_copies import holders

CACHED_LAYOUTS = 4


class KeyValues:
    """Keys and values of one layer, conditional and unconditional.

    cond, uncond: (k, v), each [G, S, C]; G is 1, or the number of input images when each output image has its own.
    Copies on the device, and tensors expanded for a batch layout, are kept until `release`. Deep copies are the same object.
    """

    def __init__(self, cond: tuple[Tensor, Tensor], uncond: tuple[Tensor, Tensor], bias: Tensor | None = None):
        self.cond, self.uncond, self.bias = cond, uncond, bias
        self._placed: tuple[tuple[Tensor, Tensor], ...] | None = None
        self._laid_out: dict = {}

    def __deepcopy__(self, memo) -> KeyValues:
        return self

    def place(self, device: torch.device | str) -> None:
        """Copy keys and values to a device before a job, so that no layer waits for them."""
        holders.add(self)
        if self._placed is None:
            self._placed = tuple((k.to(device), v.to(device)) for k, v in (self.cond, self.uncond))

    def release(self) -> None:
        """Free all copies; what is used again is copied again."""
        self._placed = None
        self._laid_out.clear()

    @property
    def channels(self) -> int:
        return self.cond[0].shape[-1]

    def parts(self, layout: RowLayout, negative: bool, like: Tensor) -> list[tuple[int, int, Tensor, Tensor, Tensor | None]]:
        """Return (first row, end row, k, v, bias) for each piece of a layout, with the device and dtype of `like`.

        negative: the conditional tokens apply to the unconditional rows, and the conditional rows are left out.
        """
        key = (layout, negative, like.dtype, like.device)
        if key not in self._laid_out:
            while len(self._laid_out) >= CACHED_LAYOUTS:
                self._laid_out.pop(next(iter(self._laid_out)))
            holders.add(self)
            self._laid_out[key] = self._lay_out(layout, negative, like)
        return self._laid_out[key]

    def _lay_out(self, layout: RowLayout, negative: bool, like: Tensor):
        sides = [(tuple(t.to(like) for t in side)) for side in self._placed or (self.cond, self.uncond)]
        bias = None if self.bias is None else self.bias.to(like)
        pieces = []
        for segment in layout:
            if negative and not segment.uncond:
                continue
            k, v = sides[1 if segment.uncond and not negative else 0]
            own_bias = bias if bias is not None and bias.shape[-1] == k.shape[1] else None
            pieces.append((segment.start, segment.stop, spread(k, segment), spread(v, segment), own_bias))
        return join(pieces)


def spread(tensor: Tensor, segment: Segment) -> Tensor:
    """Expand [G, S, C] to [rows of the segment, S, C]; with fewer input than output images the last one is repeated."""
    rows = segment.stop - segment.start
    if len(tensor) == 1:
        return tensor.expand(rows, -1, -1)
    picked = [min(row % segment.images, len(tensor) - 1) for row in range(rows)]
    return torch.stack([tensor[i] for i in picked])


def join(pieces: list) -> list:
    """Join pieces of equal length into one, so that the whole batch takes a single attention call."""
    if len(pieces) > 1 and len({piece[2].shape[1] for piece in pieces}) == 1 and contiguous(pieces):
        k, v = (torch.cat([piece[i] for piece in pieces]) for i in (2, 3))
        return [(pieces[0][0], pieces[-1][1], k, v, pieces[0][4])]
    return pieces


def contiguous(pieces: list) -> bool:
    return all(a[1] == b[0] for a, b in zip(pieces, pieces[1:]))


@torch.no_grad()
def compute_keys(layers: Mapping[int, tuple[Tensor, Tensor]], cond: Tensor, uncond: Tensor, bias: Tensor | None = None, *,
                 wanted: Iterable[int] | None = None, device: torch.device | str = "cpu",
                 dtype: torch.dtype = torch.float32) -> dict[int, KeyValues]:
    """Return {layer number: KeyValues}. layers: number -> (to_k, to_v) weights, each [C, D], on any device.

    cond: [G, S, D], uncond: [1 or G, S', D] tokens.  wanted: the layers to compute, all by default.
    Computed in float32 on `device`, stored in `dtype` in RAM; only one layer's weights at a time are on the device.
    """
    cond, uncond = (tokens.to(device, torch.float32) for tokens in (cond, uncond))
    keys = {}
    for num in layers if wanted is None else wanted:
        to_k, to_v = (weight.to(device, torch.float32) for weight in layers[num])
        sides = [((tokens @ to_k.T).to(dtype).cpu(), (tokens @ to_v.T).to(dtype).cpu()) for tokens in (cond, uncond)]
        keys[num] = KeyValues(sides[0], sides[1], bias)
    return keys


def size_in_bytes(keys: Mapping[int, KeyValues]) -> int:
    """Return the bytes of a set of keys and values, without the copies of a running job."""
    tensors = [tensor for layer in keys.values() for side in (layer.cond, layer.uncond) for tensor in side]
    return sum(tensor.numel() * tensor.element_size() for tensor in tensors)
