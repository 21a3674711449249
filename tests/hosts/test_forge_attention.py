"""Forge's attention function is looked up for each call and used for text tokens only."""

import sys
from types import SimpleNamespace

import pytest
import torch
from sd_relight.embedded_host.host import EmbeddedHost
from sd_relight.lib_ipadapter.attend.attention import CrossAttentionPatch, Term, sdpa
from sd_relight.lib_ipadapter.attend.keys_values import KeyValues
from sd_relight.lib_ipadapter.attend.timing import StepClock, Window


@pytest.fixture
def attend(repo_root, tmp_path):
    EmbeddedHost(repo_root / "models" / "demo", device="cpu", extensions=[], data_dir=tmp_path)
    from sd_relight.lib_relight.hosts.forge import ForgeHost

    return ForgeHost().attention()


def quantised(q, k, v, heads, mask=None):
    """As INT8 kernels do it: 127 levels for each of the three."""
    return sdpa(*((t / t.abs().amax() * 127).round() * t.abs().amax() / 127 for t in (q, k, v)), heads)


@pytest.mark.parametrize("place", ["backend.attention", "backend.nn.unet"])
def test_a_replaced_attention_is_called(attend, monkeypatch, place):
    q, k, v = torch.rand(3, 2, 5, 8)
    monkeypatch.setitem(sys.modules, "backend.nn.unet", SimpleNamespace())
    monkeypatch.setattr(sys.modules[place], "attention_function", lambda q, k, v, heads: q + heads, raising=False)
    torch.testing.assert_close(attend(q, k, v, 2), q + 2)


def test_image_tokens_stay_out_of_a_quantised_attention():
    q, k, v = torch.randn(3, 2, 16, 8)
    image = torch.randn(1, 4, 8), torch.randn(1, 4, 8)
    term = Term(KeyValues(image, image), 1.0, False, "V only", Window(), None)
    patch = CrossAttentionPatch([term], StepClock(), attention=quantised)
    options = {"n_heads": 2, "cond_or_uncond": [1, 0]}
    expected = quantised(q, k, v, 2) + sdpa(q, *(part.expand(2, -1, -1) for part in image), 2)
    torch.testing.assert_close(patch(q, k, v, options), expected, rtol=0, atol=1e-6)
