"""Forge's attention function is looked up for each call and used for text tokens only."""

import ast
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


def image_part_error(attention, images=1, tokens=4):
    """Largest relative error of an image part under random weights: (of the patch, of `attention` for the image's keys)."""
    generator = torch.Generator().manual_seed(0)
    q, k, v = (torch.randn(2 * images, 64, 320, generator=generator) for _ in range(3))
    image = torch.randn(1, tokens, 320, generator=generator), torch.randn(1, tokens, 320, generator=generator)
    term = Term(KeyValues(image, image), 1.0, False, "V only", Window(), None)
    patch = CrossAttentionPatch([term], StepClock(), attention=attention)
    part = patch(q, k, v, {"n_heads": 8, "cond_or_uncond": [1, 0]}) - attention(q, k, v, 8)
    rows = [tensor.expand(2 * images, -1, -1) for tensor in image]
    exact = sdpa(q.double(), *(tensor.double() for tensor in rows), 8)
    scale = exact.abs().amax()
    return tuple(float((got - exact).abs().amax() / scale) for got in (part, attention(q, *rows, 8)))


@pytest.mark.parametrize("tokens", [4, 16])
def test_image_tokens_stay_out_of_a_quantised_attention(tokens):
    """Its error is above the 1e-3 that image tokens may have; the patch's is not, because it attends to them in full precision."""
    own, quantised_error = image_part_error(quantised, tokens=tokens)
    assert quantised_error > 1e-3 > own


@pytest.mark.parametrize("module, imported", [("lib_relight/hosts/forge.py", "attention"), ("lib_relight/hosts/ldm_patched.py", "attention")])
def test_no_attention_function_is_imported_by_name(repo_root, module, imported):
    """A name taken at import would keep the function that was there before another extension replaced it."""
    tree = ast.parse((repo_root / module).read_text("utf-8"))
    names = [alias.name for node in ast.walk(tree) if isinstance(node, ast.ImportFrom) for alias in node.names]
    assert imported in names and not [name for name in names if name.endswith(("attention_function", "optimized_attention"))]
