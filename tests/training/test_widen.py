"""Tests that a widened UNet preserves the narrow one's output."""

import pytest
import torch
from safetensors.torch import load_file
from sd_relight.training.adapters import adapter_layers, adapter_state, add_processors, load_adapter
from sd_relight.training.models import ImageProjection, Sizes, build_unet, load_unet, offsets_between, save_half, save_tensors
from sd_relight.training.widen import ADAPTER, Widening, fit_norms, spread_and_pick, widen_models, widen_state

pytestmark = pytest.mark.same_everywhere
NARROW = Sizes(unet=(16, 32, 32, 32), unet_groups=4, cross=32, vision=32)
WIDE = Sizes(unet=(16, 32, 40, 40), unet_groups=4, cross=32, vision=32)
PLAN = Widening(NARROW.unet, WIDE.unet, 4)


def random_unet(kind="base", seed=0):
    """Norms and biases random, too, so that nothing is right by being one or zero."""
    torch.manual_seed(seed)
    unet = build_unet(NARROW, kind).eval()
    with torch.no_grad():
        for p in unet.parameters():
            p.add_(torch.randn_like(p) * (0.2 if p.ndim == 1 else 0.02))
    return unet


def probe(channels, seed):
    generator = torch.Generator().manual_seed(seed)
    x = torch.randn(6, channels, 16, 16, generator=generator)
    hidden, t = torch.randn(6, 7, 32, generator=generator), torch.randint(0, 1000, (6,), generator=generator)

    def run(unet):
        with torch.no_grad():
            return unet(x, t, hidden).sample

    return run


def difference(narrow, wide, batch):
    return float((batch(wide) - batch(narrow)).norm() / batch(narrow).norm())


def widened(narrow, kind="base"):
    torch.manual_seed(9)
    fresh = build_unet(WIDE).state_dict()
    wide = build_unet(WIDE, kind).eval()
    wide.load_state_dict(widen_state(narrow.state_dict(), PLAN, fresh))
    return wide


def test_new_channels_keep_their_groups_mean():
    spread, pick = spread_and_pick(8, 12, 2)
    x = torch.randn(8)
    assert torch.equal(pick @ spread, torch.eye(8))
    torch.testing.assert_close((spread @ x).reshape(2, 6).mean(1), x.reshape(2, 4).mean(1))


def test_the_wide_network_has_all_686_tensors_and_equal_output():
    narrow = random_unet()
    wide = widened(narrow)
    assert (len(narrow.state_dict()), len(wide.state_dict())) == (684, 686)
    before = difference(narrow, wide, probe(4, 1))
    fit_norms(narrow, wide, PLAN, [probe(4, seed) for seed in (2, 3)])
    after = difference(narrow, wide, probe(4, 1))
    assert after < 0.02 and after < before / 2, (before, after)  # random norms: the trained ones come to 2e-4


def test_without_new_widths_nothing_changes():
    narrow = random_unet()
    same = Widening(NARROW.unet, NARROW.unet, 4)
    state = widen_state(narrow.state_dict(), same, build_unet(NARROW).state_dict())
    assert all(torch.equal(value, state[key]) for key, value in narrow.state_dict().items())


def test_the_new_channels_can_learn():
    """Every new row and column gets a gradient within two steps."""
    wide = widened(random_unet()).train()
    optimizer = torch.optim.SGD(wide.parameters(), lr=0.1)
    for seed in (1, 2):
        torch.manual_seed(seed)
        optimizer.zero_grad()
        wide(torch.randn(2, 4, 16, 16), 500, torch.randn(2, 7, 32)).sample.pow(2).mean().backward()
        if seed == 1:
            optimizer.step()
    heads = wide.mid_block.attentions[0].transformer_blocks[0].attn1
    for weight in (heads.to_q.weight, heads.to_k.weight, heads.to_v.weight, wide.down_blocks[2].resnets[0].conv1.weight):
        assert (weight.grad.reshape(40, -1).abs().sum(1) > 0).all()


def test_level_0_must_stay():
    with pytest.raises(ValueError, match="level 0 is 16 wide and should become 24; it must keep its width."):
        widen_state({}, Widening((16, 32, 32, 32), (24, 32, 40, 40), 4), {})


def prompted(unet, state):
    """The network as one that also sees an image token's worth of tokens."""
    add_processors(unet)
    load_adapter(unet, ImageProjection(NARROW), state)
    tokens = torch.randn(6, 4, 32, generator=torch.Generator().manual_seed(3))
    return lambda x, t, hidden: unet(x, t, (hidden, [tokens]))


def random_adapter(unet):
    torch.manual_seed(5)
    add_processors(unet)
    for _, processor in adapter_layers(unet):
        torch.nn.init.normal_(processor.to_v_ip[0].weight, std=0.3)
    return adapter_state(unet, ImageProjection(NARROW))


def test_a_folder_is_widened_with_its_offsets_and_its_adapter(tmp_path):
    base, fc = random_unet(), random_unet("fc", seed=1)
    save_half(base, tmp_path / "unet")
    save_tensors(offsets_between(base.state_dict(), fc.state_dict()), tmp_path / "iclight_fc.safetensors")
    save_tensors(random_adapter(base), tmp_path / ADAPTER)
    narrow = {kind: load_unet(tmp_path, kind) for kind in ("base", "fc")}
    narrow_adapter = {k: v.clone() for k, v in load_file(str(tmp_path / ADAPTER)).items()}

    batches = {kind: [probe(channels, seed) for seed in range(3)] for kind, channels in (("base", 4), ("fc", 8))}
    moved = widen_models(tmp_path, batches, seed=1, sizes=WIDE)

    wide = {kind: load_unet(tmp_path, kind) for kind in ("base", "fc")}
    assert tuple(wide["fc"].config.block_out_channels) == WIDE.unet and max(moved.values()) < 0.02
    for kind, batch in (("base", probe(4, 7)), ("fc", probe(8, 7))):
        assert difference(narrow[kind], wide[kind], batch) < 0.02
    plain = probe(4, 7)(narrow["base"])
    before, after = (prompted(unet, state) for unet, state in (
        (narrow["base"], narrow_adapter), (wide["base"], load_file(str(tmp_path / ADAPTER)))))
    assert difference(before, after, probe(4, 7)) < 0.02
    assert widen_models(tmp_path, batches, seed=1, sizes=WIDE) == {}
    assert (probe(4, 7)(before) - plain).norm() > 0.1 * plain.norm()  # the adapter does something here
