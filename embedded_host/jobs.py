"""Runs one job of a tab in its turn: the processing object, the tab's scripts and the image generation."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import closing
from typing import Any

from modules import processing, scripts, shared

from . import job_queue, progress


def runner_of(tab: str) -> Any:
    """Return the ScriptRunner of "txt2img" or "img2img"."""
    return {"txt2img": scripts.scripts_txt2img, "img2img": scripts.scripts_img2img}[tab]


def run(tab: str, fields: dict[str, Any], arguments: Sequence[Any], task: str | None = None) -> Any:
    """Run a job of the API or of EmbeddedHost when its turn comes. Returns Processed; raises what the job raises.

    fields: keyword arguments of the processing class; arguments: the scripts' values, [0] the number of the chosen script.
    """
    classes = {"txt2img": processing.StableDiffusionProcessingTxt2Img, "img2img": processing.StableDiffusionProcessingImg2Img}
    folders = {f"outpath_{kind}": getattr(shared.opts, f"outdir_{tab}_{kind}") for kind in ("samples", "grids")}
    with (job_queue.running(task or progress.new_id(tab), f"scripts_{tab}"),
          closing(classes[tab](sd_model=shared.sd_model, **folders, **fields)) as p):
        p.is_api, p.scripts, p.script_args = True, runner_of(tab), tuple(arguments)
        result = p.scripts.run(p, *arguments) or processing.process_images(p)
        processing.process_extra_images(result)
        return result
