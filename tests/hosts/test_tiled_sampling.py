"""Tests that a tile of the latent is told apart by what the tiler cuts, and that the UNet's condition stays what it was."""

import pytest
import torch
from sd_relight.lib_ipadapter.attend.maskgrid import TILES, LatentTile
from sd_relight.lib_relight.hosts.patcher import concat_wrapper
from sd_relight.lib_relight.hosts.tiled_sampling import tiles_wrapper

CORNERS = [(0, 0), (5, 0), (0, 4), (5, 4)]
"""(left, top) of tiles of 4 x 5 latent pixels in one of 8 x 10."""


class Tiler:
    """Samples four tiles, `count` in one call, and puts them side by side; the condition is cut where it has the latent's size."""

    def __init__(self, count):
        self.count = count

    def __call__(self, apply_model, args):
        x, c = args["input"], args["c"]
        out = torch.zeros_like(x)
        for start in range(0, 4, self.count):
            corners = CORNERS[start:start + self.count]
            def cut(tensor, corners=corners):
                return torch.cat([tensor[:, :, top:top + 4, left:left + 5] for left, top in corners])
            given = {**c, **({"c_concat": cut(c["c_concat"])} if "c_concat" in c else {})}
            made = apply_model(cut(x), args["timestep"].repeat(len(corners)), **given)
            for (left, top), tile in zip(corners, made.chunk(len(corners))):
                out[:, :, top:top + 4, left:left + 5] = tile
        return out


def run(wrapper, condition=None):
    """[latents of one call, what the UNet was given each time]: two rows, uncond and cond."""
    calls = []

    def apply_model(x, timestep, **c):
        calls.append((x, c))
        return x + (c["c_concat"] if "c_concat" in c else 0)

    c = {"transformer_options": {"cond_or_uncond": [1, 0]}, **({} if condition is None else {"c_concat": condition})}
    x = torch.rand(2, 4, 8, 10)
    return x, wrapper(apply_model, {"input": x, "timestep": torch.ones(2), "c": c, "cond_or_uncond": [1, 0]}), calls


@pytest.mark.parametrize("count", [1, 2, 4])
def test_every_call_is_told_its_tiles(count):
    x, out, calls = run(tiles_wrapper(Tiler(count)))
    assert [tile for _, c in calls for tile in c["transformer_options"][TILES]] == [LatentTile(*corner, (8, 10)) for corner in CORNERS]
    assert all("c_concat" not in c and c["transformer_options"]["cond_or_uncond"] == [1, 0] for _, c in calls)
    assert torch.equal(out, x)


@pytest.mark.parametrize("count", [1, 2, 4])
def test_the_condition_follows_the_tile(count):
    condition = torch.rand(2, 4, 8, 10)
    x, out, calls = run(tiles_wrapper(Tiler(count)), condition)
    assert torch.equal(out, x + condition)
    assert all(c["c_concat"].shape[1] == 4 for _, c in calls)


@pytest.mark.parametrize("count", [1, 2, 4])
def test_the_condition_of_hosts_without_a_slot_follows_the_tile(count):
    condition = torch.rand(1, 4, 8, 10)
    x, out, _ = run(concat_wrapper(condition, tiles_wrapper(Tiler(count))))
    assert torch.equal(out, x + condition)


def test_half_precision_conditions_are_exact():
    condition = torch.rand(2, 4, 8, 10).half()
    _, _, calls = run(tiles_wrapper(Tiler(2)), condition)
    assert calls[0][1]["c_concat"].dtype == torch.float16
    assert torch.equal(calls[0][1]["c_concat"][:2], condition[:, :, :4, :5])
