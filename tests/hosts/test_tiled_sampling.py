"""Tests that a tile of the latent is told apart by what the tiler cuts, and that the UNet's condition stays what it was."""

from types import SimpleNamespace

import pytest
import torch
from sd_relight.lib_ipadapter.attend.maskgrid import TILES, LatentTile, cut
from sd_relight.lib_relight.hosts.patcher import PatcherHost, concat_wrapper
from sd_relight.lib_relight.hosts.tiled_sampling import TILED, tiles_wrapper

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


def shifted_tiler(shift, shift_of_others, tile=(4, 5)):
    """A tiler that rolls the latent by (rows, columns) before it cuts tiles side by side, and all else by shift_of_others."""

    def tiler(apply_model, args):
        x, c = args["input"].roll(shift, (-2, -1)), dict(args["c"])
        concat = c["c_concat"].roll(shift_of_others, (-2, -1))
        out = torch.zeros_like(x)
        for left, top in CORNERS:
            part = (..., slice(top, top + tile[0]), slice(left, left + tile[1]))
            out[part] = apply_model(x[part], args["timestep"], **{**c, "c_concat": concat[part]})
        return out.roll((-shift[0], -shift[1]), (-2, -1))

    return tiler


@pytest.mark.parametrize(("shift", "others"), [((0, 3), (0, 3)), ((3, 0), (3, 4)), ((0, 4), (3, 4))])
def test_tiles_that_go_around_the_edges(shift, others):
    """As reForge's SpotDiffusion, which shifts the latent in one direction and everything else in both."""
    condition = torch.rand(2, 4, 8, 10)
    x, out, calls = run(tiles_wrapper(shifted_tiler(shift, others)), condition)
    assert torch.equal(out, x + condition)
    corners = [((left - shift[1]) % 10, (top - shift[0]) % 8) for left, top in CORNERS]
    assert [(tile.left, tile.top) for _, c in calls for tile in c["transformer_options"][TILES]] == corners


def test_masks_go_around_the_edges():
    mask = torch.rand(1, 8, 10)
    tile = cut(mask, LatentTile(8, 6, (8, 10)), 4, 5)
    assert torch.equal(tile, mask.roll((2, 2), (1, 2))[:, :4, :5])


class Unet:
    """As much of the hosts' UnetPatcher as wrappers need."""

    def __init__(self):
        self.model_options = {}

    def set_model_unet_function_wrapper(self, wrapper):
        self.model_options["model_function_wrapper"] = wrapper


@pytest.mark.parametrize("tiler_first", [True, False])
def test_an_extension_may_cut_tiles_before_or_after_relight_patches_the_unet(tiler_first):
    """Neo's case: the condition is passed by a wrapper, which the tiler replaces if it comes later."""
    host, unet, condition = SimpleNamespace(native_concat=False), Unet(), torch.rand(1, 4, 8, 10)
    tiled = {"model_function_wrapper": Tiler(2), TILED: True}
    unet.model_options |= tiled if tiler_first else {}
    PatcherHost.follow_tiles(host, unet)
    PatcherHost.set_concat(host, unet, condition)
    unet.model_options |= {} if tiler_first else tiled
    PatcherHost.follow_tiles(host, unet)
    PatcherHost.follow_tiles(host, unet)  # before each step
    x, out, calls = run(unet.model_options["model_function_wrapper"])
    assert torch.equal(out, x + condition)
    assert [tile for _, c in calls for tile in c["transformer_options"][TILES]] == [LatentTile(*corner, (8, 10)) for corner in CORNERS]
