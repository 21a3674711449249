"""The page's txt2img job."""

from __future__ import annotations

from contextlib import closing

from modules import processing, scripts, shared
from modules.ui import plaintext_to_html


def txt2img(id_task, values, script_args):
    """Run a job. values: processing fields by name. Returns (pictures, generation info JSON, infotext HTML, log HTML)."""
    p = processing.StableDiffusionProcessingTxt2Img(
        sd_model=shared.sd_model, outpath_samples=shared.opts.outdir_txt2img_samples,
        outpath_grids=shared.opts.outdir_txt2img_grids, **values)
    return run(p, scripts.scripts_txt2img, script_args)


def run(p, runner, script_args):
    """The chosen script's job, or a plain one."""
    p.scripts = runner
    p.script_args = tuple(script_args)
    with closing(p):
        processed = runner.run(p, *p.script_args)
        if processed is None:
            processed = processing.process_images(p)
    pictures = [*processed.images, *getattr(processed, "extra_images", [])]
    comments = plaintext_to_html(processed.comments, classname="comments") if processed.comments else ""
    return pictures, processed.js(), plaintext_to_html(processed.info), comments
