"""Implements decoupled cross-attention as patches for a host's attn2 replace table.

Z = text(q) + Σ_i w_i · M_i ⊙ softmax(q K_iᵀ / √d) V_i, before `to_out`; text(q) is the host's own attention.
Nothing here synchronises with the device: weights are Python numbers, set once per step by a StepClock.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field

import torch
import torch.nn.functional as F
from torch import Tensor

from ..unet_layers import layers_of
from .batch_rows import RowLayout, row_layout
from .foreign import ForeignCallback, SigmaRange, foreign_unit
from .keys_values import KeyValues, size_in_bytes
from .maskgrid import MaskGrid
from .timing import StepClock, Window
from .weight_types import LayerWeight

Attention = Callable[..., Tensor]


@dataclass(frozen=True)
class Unit:
    """One image prompt with its keys, weights, window and mask.

    keys: layer number -> KeyValues.  weights: spatial transformer -> LayerWeight.  mask: MaskGrid in output space.
    identity: key of the content; units are summed in its order, so that the result does not depend on the order of units.
    """

    keys: Mapping[int, KeyValues]
    weights: Mapping[int, LayerWeight]
    scaling: str = "V only"
    window: Window = field(default_factory=Window)
    mask: MaskGrid | None = None
    identity: str = ""

    @property
    def size_in_bytes(self) -> int:
        """Return the bytes of keys, values and mask, without the copies of a running job."""
        return size_in_bytes(self.keys) + (0 if self.mask is None else self.mask.mask.nbytes)

    def place(self, device: torch.device | str) -> None:
        """Copy the keys to the device of a job, which ends with `job_copies.release_all`."""
        for keys in self.keys.values():
            keys.place(device)


@dataclass(frozen=True)
class Term:
    """A unit's part in one layer."""

    keys: KeyValues
    weight: float
    negative: bool
    scaling: str
    window: Window | SigmaRange
    mask: MaskGrid | None


def sdpa(q: Tensor, k: Tensor, v: Tensor, heads: int, bias: Tensor | None = None) -> Tensor:
    """Attend [rows, T, C] queries to [rows, S, C] keys and values with joined heads; returns [rows, T, C].

    bias: [S], added to the logits.
    """
    q, k, v = (t.unflatten(-1, (heads, -1)).transpose(1, 2) for t in (q, k, v))
    bias = None if bias is None else bias.expand(1, 1, q.shape[2], -1)
    return F.scaled_dot_product_attention(q, k, v, attn_mask=bias).transpose(1, 2).flatten(-2)


class CrossAttentionPatch:
    """The patch of one slot: fn(q, k, v, extra_options) -> [rows, T, C] before to_out.

    previous: the patch that the slot held before; it computes the text part.
    attention: the host's attention(q, k, v, heads), for the text part without a previous patch.
    An earlier patch of this class is replaced, not wrapped, and additions by other adapters are kept, because a host may
    patch twice. Adapters applied later call `set_new_condition` (the hosts' built-in one) or `add` (ComfyUI's).
    """

    def __init__(self, terms: Sequence[Term], clock: StepClock, previous: Callable | None = None,
                 attention: Attention | None = None):
        self.terms, self.foreign, self.callbacks = list(terms), [], []
        if isinstance(previous, CrossAttentionPatch):
            self.foreign, self.callbacks = list(previous.foreign), list(previous.callbacks)
            previous = previous.previous
        self.clock, self.previous, self.attention = clock, previous, attention

    def __deepcopy__(self, memo) -> CrossAttentionPatch:
        copy = CrossAttentionPatch(self.terms, self.clock, self.previous, self.attention)
        copy.foreign, copy.callbacks = list(self.foreign), list(self.callbacks)
        return copy

    @property
    def timed(self) -> bool:
        """Return whether any term depends on the step."""
        return bool(self.callbacks) or any(not term.window.always for term in (*self.terms, *self.foreign))

    def __call__(self, q: Tensor, k: Tensor, v: Tensor, extra_options: dict) -> Tensor:
        if self.previous is not None:
            out = self.previous(q, k, v, extra_options)
        else:
            out = (self.attention or sdpa)(q, k, v, extra_options["n_heads"])
        if self.timed:
            self.clock.observe(extra_options.get("sigmas"))
        out = self.add_image_parts(out, q, extra_options)
        for extra in self.callbacks:
            if self.clock.gate(extra.window):
                out = out + extra(out, q, k, v, extra_options)  # nosec B610
        return out

    def image_part(self, q: Tensor, extra_options: dict) -> Tensor:
        """Return the images' part, [rows, T, C], for hosts without an attn2 table: add to_out(part) − bias to its output."""
        if self.timed:
            self.clock.observe(extra_options.get("sigmas"))
        return self.add_image_parts(torch.zeros_like(q), q, extra_options, owned=True)

    def add_image_parts(self, out: Tensor, q: Tensor, extra_options: dict, owned: bool = False) -> Tensor:
        """owned: whether nobody else uses out, so that it may be changed in place."""
        layout = None
        for term in (*self.terms, *self.foreign):
            gate = self.clock.gate(term.window)
            if gate == 0:
                continue
            layout = layout or row_layout(len(q), extra_options)
            for start, stop, part, weight in image_parts(q, term, gate, layout, extra_options):
                out, owned = add_rows(out, start, stop, part, weight, owned), True
        return out

    def set_new_condition(self, **options) -> None:
        """Add the hosts' built-in adapter, which calls this on a patch that already exists."""
        self.foreign.append(Term(**foreign_unit(options)))

    def add(self, callback: Callable, **options) -> None:
        """Add a ComfyUI-style callback: callback(out, q, k, v, extra_options, **options) is added to out."""
        self.callbacks.append(ForeignCallback(callback, options))


def image_parts(q: Tensor, term: Term, gate: float, layout: RowLayout,
                extra_options: dict) -> Iterator[tuple[int, int, Tensor, float]]:
    """Yield (first row, end row, part, weight): weight * part is the term's share of these rows."""
    weight = term.weight * gate
    if term.scaling == "K+V w/ C penalty":
        weight *= term.keys.channels / 1280
    mask = None if term.mask is None else term.mask.rows(q, layout, extra_options)
    for start, stop, k, v, bias in term.keys.parts(layout, term.negative, q):
        whole = (start, stop) == (0, len(q))
        k = k if term.scaling == "V only" else k * weight
        part = sdpa(q if whole else q[start:stop], k, v, extra_options["n_heads"], bias)
        if mask is not None:
            part = part * (mask if len(mask) == 1 or whole else mask[start:stop])
        yield start, stop, part, weight


def add_rows(out: Tensor, start: int, stop: int, part: Tensor, weight: float, owned: bool) -> Tensor:
    """Return out with weight * part added to rows start..stop - 1, in place where out is owned.

    The text part of a host or of another patch may be a view, expanded, or kept by whoever made it: it is copied once.
    """
    dtype = torch.result_type(out, part)
    if not owned or dtype != out.dtype:
        if (start, stop) == (0, len(out)):
            return torch.add(out, part, alpha=weight)
        out = out.clone(memory_format=torch.contiguous_format) if dtype == out.dtype else out.to(dtype)
    out[start:stop].add_(part, alpha=weight)
    return out


def build_patches(units: Sequence[Unit], base: str, *, clock: StepClock | None = None, attention: Attention | None = None,
                  previous: Callable[[tuple], Callable | None] = lambda slot: None) -> dict[tuple, CrossAttentionPatch]:
    """Return {slot: patch} for every layer in which a unit has a weight; empty when all weights are 0.

    previous: returns a slot's current patch (see `find_previous`).
    """
    clock = clock or StepClock()
    ordered = sorted(units, key=lambda unit: unit.identity)
    patches = {}
    for layer in layers_of(base):
        terms = [Term(unit.keys[layer.num], unit.weights[layer.t_idx].value, unit.weights[layer.t_idx].negative,
                      unit.scaling, unit.window, unit.mask)
                 for unit in ordered if layer.t_idx in unit.weights]
        if terms:
            slot = layer.slot(base)
            patches[slot] = CrossAttentionPatch(terms, clock, previous(slot), attention)
    return patches


def find_previous(table: Mapping, slot: tuple) -> Callable | None:
    """Return the patch that a host's attn2 replace table calls for a slot: by the exact key, else by the key without index."""
    return table.get(slot) or table.get(slot[:2])


def wanted_layers(weights: Mapping[int, LayerWeight], base: str) -> list[int]:
    """Return the layer numbers for which a unit has weights, so that no keys are computed for the others."""
    return [layer.num for layer in layers_of(base) if layer.t_idx in weights]
