"""Jobs inside jobs, for tests/contract, as other extensions make them; each job that samples is written down.

Detailer (always on, one dict): box (left, top, right, bottom) is painted anew in the finished image by an img2img job of its own,
with all scripts of the outer job, or without those whose titles are in `without`. Loop (img2img's script list): `loopback` feeds
the result back once; `tiles` runs the same p on each half of the init image, as SD upscale does.
GET /relight-contract/nested/<before|after>: the jobs since the last outermost one began.
"""

from collections import namedtuple
from copy import copy
from pathlib import Path

import gradio as gr
from modules import processing, script_callbacks, scripts
from PIL import Image

PLACE = "before" if Path(__file__).parent.parent.name.startswith("aa_") else "after"
Grid = namedtuple("Grid", "tiles tile_w tile_h image_w image_h overlap")
jobs = []


def runner_without(runner, titles):
    runner = copy(runner)
    runner.alwayson_scripts = [script for script in runner.alwayson_scripts if script.title() not in titles]
    runner.callback_map = {}
    return runner


def detail_job(p, image, wish):
    mask = Image.new("L", image.size)
    mask.paste(255, tuple(wish["box"]))
    given = {name: getattr(p, name) for name in ("sd_model", "outpath_samples", "outpath_grids", "prompt", "negative_prompt",
                                                 "sampler_name", "scheduler", "cfg_scale", "steps", "width", "height")
             if hasattr(p, name)}
    job = processing.StableDiffusionProcessingImg2Img(
        init_images=[image], resize_mode=0, denoising_strength=0.95, mask=None, mask_blur=0, inpainting_fill=1, seed=p.seed,
        inpaint_full_res=True, inpaint_full_res_padding=4, batch_size=1, n_iter=1, do_not_save_samples=True, do_not_save_grid=True,
        **given)
    job.cached_c, job.cached_uc = [None, None], [None, None]
    job.image_mask, job.is_api, job.relight_contract_nested = mask, p.is_api, True
    job.scripts, job.script_args = runner_without(p.scripts, wish.get("without", ())), p.script_args
    return job


class ContractDetailer(scripts.Script):
    def title(self):
        return f"Relight contract detailer {PLACE}"

    def show(self, is_img2img):
        return scripts.AlwaysVisible

    def ui(self, is_img2img):
        return [gr.Textbox("", visible=False, label="detailer", elem_id=self.elem_id(f"detailer_{PLACE}"))]

    def before_process(self, p, *args):
        if not getattr(p, "relight_contract_nested", False):
            jobs.clear()

    def process_before_every_sampling(self, p, *args, **kwargs):
        is_img2img = isinstance(p, processing.StableDiffusionProcessingImg2Img)
        jobs.append({"img2img": is_img2img, "modified_noise": getattr(p, "modified_noise", None) is not None,
                     "noise": float(kwargs["noise"].double().sum()), "proof": p.extra_generation_params.get("Relight"),
                     "rewritten": is_img2img and p.init_latent is not kwargs["x"]})

    def postprocess_image(self, p, pp, *args):
        wish = args[0] if args and isinstance(args[0], dict) else {}
        if wish and not getattr(p, "relight_contract_nested", False):
            pp.image = processing.process_images(detail_job(p, pp.image, wish)).images[0]


class ContractLoop(scripts.Script):
    def title(self):
        return f"Relight contract loop {PLACE}"

    def show(self, is_img2img):
        return is_img2img

    def ui(self, is_img2img):
        return [gr.Textbox("", label="kind", elem_id=self.elem_id(f"loop_{PLACE}"))]

    def run(self, p, kind):
        p.relight_contract_nested, results = True, []
        jobs.clear()
        tiles = self.tiles(p) if kind == "tiles" else None
        work = [image for _, _, row in tiles.tiles for _, _, image in row] if tiles else [p.init_images[0], None]
        for image in work:
            p.init_images = [image or results[-1]]
            processed = processing.process_images(p)
            results.append(processed.images[0])
        processed.images, processed.infotexts = results, processed.infotexts[:1] * len(results)
        return processed

    def tiles(self, p):
        image, width = p.init_images[0], p.init_images[0].width // 2
        row = [[left, width, image.crop((left, 0, left + width, image.height))] for left in (0, width)]
        return Grid([[0, image.height, row]], width, image.height, *image.size, 0)


script_callbacks.on_app_started(lambda demo, app: app.add_api_route(f"/relight-contract/nested/{PLACE}", lambda: jobs))
