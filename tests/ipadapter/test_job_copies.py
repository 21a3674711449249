"""Keys and values rest in RAM; their copies on the device and for a batch's layout live as long as a job."""

import weakref

import torch
from ipadapter.mini_host import host_attention
from ipadapter.one_layer import SLOT, C, D, make_unit, options, patch_of, qkv
from PIL import Image
from sd_relight.lib_ipadapter.attend import job_copies, keys_values
from sd_relight.lib_ipadapter.attend.attention import build_patches
from sd_relight.lib_ipadapter.attend.keys_values import size_in_bytes
from sd_relight.lib_ipadapter.attend.maskgrid import MaskGrid
from sd_relight.lib_ipadapter.encode.tokens import ImagePrompt

ELSEWHERE = torch.empty(2, 24, 16, device="meta")
"""A query on another device than RAM."""


def test_keys_are_stored_in_ram(monkeypatch):
    """Wherever they are computed."""
    moved = []
    monkeypatch.setattr(torch.Tensor, "cpu", lambda self: moved.append(self) or self)
    unit, *_ = make_unit()
    keys = unit.keys[0]
    assert [id(tensor) for tensor in moved] == [id(tensor) for side in (keys.cond, keys.uncond) for tensor in side]


def test_layers_use_the_copies_that_a_job_has_placed():
    unit, *_ = make_unit()
    keys, layout = unit.keys[0], (keys_values.Segment(0, 2, False, 2),)
    before = size_in_bytes(unit.keys)
    unit.place("meta")
    placed = keys._placed
    unit.place("meta")
    assert keys._placed is placed and {tensor.device.type for side in placed for tensor in side} == {"meta"}
    (_, _, k, v, _), = keys.parts(layout, False, ELSEWHERE)
    assert k._base is placed[0][0] and v._base is placed[0][1], "no copy of a copy"
    assert keys.cond[0].device.type == "cpu" and size_in_bytes(unit.keys) == before


def test_a_release_frees_every_copy():
    unit, *_ = make_unit(mask=MaskGrid(torch.rand(2, 6, 4)))
    patch, (q, k, v) = patch_of(unit), qkv(4)
    before = patch(q, k, v, options([1, 0], 2))
    keys = unit.keys[0]
    unit.place("meta")
    copies = [weakref.ref(tensor) for side in keys._placed for tensor in side]
    copies += [weakref.ref(tensor) for pieces in keys._laid_out.values() for piece in pieces for tensor in piece[2:4]]
    copies += [weakref.ref(level) for level in unit.mask._levels.values()]
    assert len(copies) == 4 + 2 + 1 and all(copy() is not None for copy in copies)
    job_copies.release_all()
    assert [copy() for copy in copies] == [None] * 7
    assert torch.equal(patch(q, k, v, options([1, 0], 2)), before), "a release while the job still runs costs another copy"


def test_what_was_not_placed_before_is_released_too():
    unit, *_ = make_unit()
    q, k, v = qkv(2)
    build_patches([unit], "sd15", attention=host_attention)[SLOT](q, k, v, options([1, 0], 1))
    assert unit.keys[0]._laid_out and unit.keys[0] in job_copies.holders
    job_copies.release_all()
    assert not job_copies.holders and not unit.keys[0]._laid_out


def test_masks_and_previews_count_in_what_is_cached():
    unit, *_ = make_unit()
    masked, *_ = make_unit(mask=MaskGrid(torch.rand(2, 6, 4)))
    assert unit.size_in_bytes == size_in_bytes(unit.keys) == 4 * 4 * C * 4
    assert masked.size_in_bytes - unit.size_in_bytes == 2 * 6 * 4 * 4
    tokens = torch.zeros(1, 4, D)
    prompt = ImagePrompt(tokens, tokens, mask=torch.zeros(1, 6, 4), previews=(Image.new("RGB", (8, 5)),) * 2)
    assert prompt.size_in_bytes == 2 * 4 * D * 4 + 6 * 4 * 4 + 2 * 3 * 8 * 5
