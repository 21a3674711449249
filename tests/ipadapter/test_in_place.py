"""Rows of which only a part gets an image part: nothing else changes, the sum is bit-equal to a new tensor, one copy at most."""

import pytest
import torch
from ipadapter.mini_host import host_attention
from ipadapter.one_layer import SLOT, C, D, Recorder
from sd_relight.lib_ipadapter.attend import attention
from sd_relight.lib_ipadapter.attend.attention import Unit, build_patches
from sd_relight.lib_ipadapter.attend.keys_values import compute_keys
from sd_relight.lib_ipadapter.attend.maskgrid import MaskGrid
from sd_relight.lib_ipadapter.attend.weight_types import LayerWeight

ROWS, TOKENS, HEADS = 4, 24, 4
COPIES = ("clone", "_to_copy", "cat", "add")
"""Operators that make a tensor of all rows, or could."""


def with_copies(out, start, stop, part, weight, owned):
    """The sum written with new tensors only."""
    if (start, stop) == (0, len(out)):
        return torch.add(out, part, alpha=weight)
    return torch.cat([out[:start], torch.add(out[start:stop], part, alpha=weight), out[stop:]])


def unit(weight=0.7, negative=False, length=8, identity="", **rest):
    """length: of the unconditional tokens; another one than the conditional's takes an attention call of its own."""
    layers = {0: (torch.randn(C, D), torch.randn(C, D))}
    keys = compute_keys(layers, torch.randn(1, 8, D), torch.randn(1, length, D))
    return Unit(keys, {0: LayerWeight(weight, negative)}, identity=identity, **rest)


UNITS = {
    "whole": lambda: [unit()],
    "precise": lambda: [unit(negative=True)],
    "lengths": lambda: [unit(length=5)],
    "precise, then whole": lambda: [unit(negative=True, identity="a"), unit(-0.4, identity="b")],
    "whole, then lengths": lambda: [unit(identity="a"), unit(length=5, identity="b", scaling="K+V")],
    "masked": lambda: [unit(negative=True, identity="a", mask=MaskGrid(torch.rand(1, 8, 8))), unit(length=3, identity="b")],
}

PREVIOUS = {
    "the host's attention": lambda q, k, v, heads: host_attention(q, k, v, heads),
    "joined heads, not contiguous": lambda q, k, v, heads: host_attention(q, k, v, heads).transpose(0, 1).contiguous().transpose(0, 1),
    "one row for all": lambda q, k, v, heads: host_attention(q, k, v, heads)[:1].expand(len(q), -1, -1),
    "a part of a larger tensor": lambda q, k, v, heads: torch.cat([host_attention(q, k, v, heads)] * 2)[2:2 + len(q)],
    "its own query": lambda q, k, v, heads: q,
    "a wider type": lambda q, k, v, heads: host_attention(q, k, v, heads).double(),
    "with a gradient": lambda q, k, v, heads: host_attention(q, k, v, heads).detach().requires_grad_(),
}


def options(rows=ROWS):
    return {"n_heads": HEADS, "cond_or_uncond": [1, 0], "sigmas": torch.ones(rows // 2), "original_shape": [rows, 4, 6, 4]}


def qkv(dtype=torch.float32):
    return [torch.randn(ROWS, tokens, C).to(dtype) for tokens in (TOKENS, 7, 7)]


@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16, torch.float16])
@pytest.mark.parametrize("kind", PREVIOUS)
@pytest.mark.parametrize("case", UNITS)
def test_the_sum_is_the_same_and_nothing_else_changes(case, kind, dtype, monkeypatch):
    """kind: what the host's attention or another adapter's patch gives, and may still hold or use."""
    units, held = UNITS[case](), []

    def previous(q, k, v, extra):
        held.append(PREVIOUS[kind](q, k, v, extra["n_heads"]))
        before.append(held[-1].detach().clone())
        return held[-1]

    for mode in (torch.no_grad, torch.inference_mode, torch.enable_grad):
        before, results, (q, k, v) = [], [], qkv(dtype)
        inputs = [tensor.clone() for tensor in (q, k, v)]
        patches = (build_patches(units, "sd15", previous=lambda slot: previous)[SLOT],
                   build_patches(units, "sd15", attention=lambda q, k, v, heads: previous(q, k, v, {"n_heads": heads}))[SLOT])
        for patch in patches:
            for sums in (attention.add_rows, with_copies):
                with monkeypatch.context() as patched, mode():
                    patched.setattr(attention, "add_rows", sums)
                    results.append(patch(q, k, v, options()).detach().clone())
        assert results[0].dtype is before[0].dtype
        if kind == "joined heads, not contiguous" and dtype is not torch.float32:  # no host's; torch rounds such sums twice
            torch.testing.assert_close(results[0], results[1], atol=0.02, rtol=0.02)
        else:
            assert all(torch.equal(result, results[1]) for result in results)
        assert all(map(torch.equal, inputs, (q, k, v)))
        assert all(map(torch.equal, held[-len(before):], before))


def made(units, run):
    """How often each operator of COPIES runs in a call."""
    patch = build_patches(units, "sd15", attention=host_attention)[SLOT]
    q, k, v = qkv()
    run(patch, q, k, v)
    with Recorder() as recorder:
        run(patch, q, k, v)
    return {name: count for name in COPIES if (count := recorder.names.count(name))}


@pytest.mark.parametrize("case, copies", [
    ("whole", {"add": 1}), ("precise", {"clone": 1}), ("lengths", {"clone": 1}), ("precise, then whole", {"clone": 1}),
    ("whole, then lengths", {"add": 1}), ("masked", {"clone": 1})])
def test_one_copy_at_most(case, copies):
    assert made(UNITS[case](), lambda patch, q, k, v: patch(q, k, v, options())) == copies


@pytest.mark.parametrize("case", UNITS)
def test_the_images_part_alone_is_added_in_place(case):
    """For hosts without an attn2 table; the part begins as zeros of our own."""
    assert made(UNITS[case](), lambda patch, q, k, v: patch.image_part(q, options())) == {}


def test_a_gradient_still_passes():
    q, k, v = (tensor.requires_grad_() for tensor in qkv())
    patch = build_patches(UNITS["precise, then whole"](), "sd15", attention=host_attention)[SLOT]
    patch(q, k, v, options()).sum().backward()
    assert all(tensor.grad is not None and torch.isfinite(tensor.grad).all() for tensor in (q, k, v))
