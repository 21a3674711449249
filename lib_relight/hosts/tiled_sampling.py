"""Tells attention patches which part of the latent the UNet gets when a host samples it tile by tile (MultiDiffusion)."""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor

from ...lib_ipadapter.attend.maskgrid import TILES, LatentTile, tile_of

TILED = "tiled_diffusion"
"""model_options key that the hosts' MultiDiffusion sets; its tiles are cut by a model_function_wrapper."""


def tiles_wrapper(tiler: Callable) -> Callable:
    """Return a model_function_wrapper around a tiler that adds TILES to the transformer_options of each call of the UNet.

    The tiler cuts c_concat as it cuts the latent, so its last two channels carry each pixel's place there and back. Where the
    latent itself was cut elsewhere, its own place counts, and the condition is cut there as well: reForge's SpotDiffusion
    shifts the latent in one direction and c_concat in both.
    """

    def wrapper(apply_model: Callable, args: dict) -> Tensor:
        x, c = args["input"], args["c"]
        given, places = c.get("c_concat"), grid_of_places(x)
        canvas = x.shape[-2], x.shape[-1]

        def apply_tile(x_tile: Tensor, timestep: Tensor, **c_tile) -> Tensor:
            corners = c_tile.pop("c_concat")[::len(x), -2:, 0, 0].long().tolist()
            tiles = [LatentTile(*corner_of(part, x, *corner), canvas) for part, corner in zip(x_tile.split(len(x)), corners)]
            c_tile["transformer_options"] = {**c_tile["transformer_options"], TILES: tiles}
            if given is not None:
                c_tile["c_concat"] = torch.cat([tile_of(given, tile, *x_tile.shape[-2:]) for tile in tiles])
            return apply_model(x_tile, timestep, **c_tile)

        joined = places if given is None else torch.cat([given.to(places), places], dim=1)
        return tiler(apply_tile, {**args, "c": {**c, "c_concat": joined}})

    return wrapper


def grid_of_places(x: Tensor) -> Tensor:
    """Return each pixel's column and row as float32 [B, 2, h, w], for x of [B, C, h, w]."""
    rows, columns = (torch.arange(side, device=x.device, dtype=torch.float32) for side in x.shape[-2:])
    grid = torch.stack(torch.meshgrid(columns, rows, indexing="xy"))
    return grid.expand(len(x), -1, -1, -1)


def corner_of(tile: Tensor, x: Tensor, left: int, top: int) -> tuple[int, int]:
    """Return (left, top) of a tile of the latent x, [B, C, h, w]: the given place, unless its first pixel lies elsewhere."""
    first = tile[..., :1, :1]
    if torch.equal(x[..., top:top + 1, left:left + 1], first):
        return left, top
    found = (x == first).flatten(0, 1).all(dim=0).nonzero().tolist()
    return (found[0][1], found[0][0]) if found else (left, top)
