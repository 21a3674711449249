"""Tells attention patches which part of the latent the UNet gets when a host samples it tile by tile (MultiDiffusion)."""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor

from ...lib_ipadapter.attend.maskgrid import TILES, LatentTile

TILED = "tiled_diffusion"
"""model_options key that the hosts' MultiDiffusion sets; its tiles are cut by a model_function_wrapper."""


def tiles_wrapper(tiler: Callable) -> Callable:
    """Return a model_function_wrapper around a tiler that adds TILES to the transformer_options of each call of the UNet.

    The tiler cuts c_concat as it cuts the latent, so its last two channels carry each pixel's place there and back.
    """

    def wrapper(apply_model: Callable, args: dict) -> Tensor:
        x, c = args["input"], args["c"]
        given, places = c.get("c_concat"), grid_of_places(x)
        canvas = x.shape[-2], x.shape[-1]

        def apply_tile(x_tile: Tensor, timestep: Tensor, **c_tile) -> Tensor:
            concat = c_tile.pop("c_concat")
            corners = concat[::len(x), -2:, 0, 0].long().tolist()
            tiles = [LatentTile(left, top, canvas) for left, top in corners]
            c_tile["transformer_options"] = {**c_tile["transformer_options"], TILES: tiles}
            if given is not None:
                c_tile["c_concat"] = concat[:, :-2].to(given)
            return apply_model(x_tile, timestep, **c_tile)

        joined = places if given is None else torch.cat([given.to(places), places], dim=1)
        return tiler(apply_tile, {**args, "c": {**c, "c_concat": joined}})

    return wrapper


def grid_of_places(x: Tensor) -> Tensor:
    """Return each pixel's column and row as float32 [B, 2, h, w], for x of [B, C, h, w]."""
    rows, columns = (torch.arange(side, device=x.device, dtype=torch.float32) for side in x.shape[-2:])
    grid = torch.stack(torch.meshgrid(columns, rows, indexing="xy"))
    return grid.expand(len(x), -1, -1, -1)
