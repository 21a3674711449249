"""The loop over batches. Needed by: modules/processing.py. Order of steps and hooks: Forge's, asserted by test_host_jobs.py."""

from __future__ import annotations

import random
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Any

import torch
from modules import devices, extra_networks, images, scripts, shared
from modules.processing_infotext import infotext_of
from modules.processing_result import Processed
from modules.sd_samplers_common import decode_latent_batch
from modules.shared import opts, state
from PIL import Image
from torch import Tensor

from sd_relight.embedded_host.engine import color_match, masks, pixels, resize
from sd_relight.embedded_host.engine.hires import LATENT_PIXEL
from sd_relight.embedded_host.engine.noise import ImageNoise

LARGEST_RANDOM_SEED = 4294967294


@dataclass
class Output:
    """What the batches have made so far."""

    images: list[Image.Image] = field(default_factory=list)
    infotexts: list[str] = field(default_factory=list)
    index_of_first_image: int = 0


def run_job(p: Any) -> Processed:
    """Run all batches of a job whose settings are in place."""
    prepare(p)
    call_hook(p, "process")
    output = Output()
    with torch.inference_mode():
        lists = p.all_prompts, p.all_seeds, p.all_subseeds
        p.init(*lists)
        if state.job_count < 0:
            state.job_count = p.n_iter
        for number in range(p.n_iter):
            if not run_batch(p, number, output):
                break
        if not output.infotexts:
            output.infotexts.append(whole_job_infotext(p))
        p.color_corrections = None
        add_grid(p, output)
    devices.torch_gc()
    result = Processed(p, output.images, p.all_seeds[0], output.infotexts[0], p.all_subseeds[0],
                       index_of_first_image=output.index_of_first_image, infotexts=output.infotexts,
                       extra_images_list=p.extra_result_images)
    call_hook(p, "postprocess", result)
    return result


def call_hook(p: Any, name: str, *args: Any, **kwargs: Any) -> None:
    """Call a hook of all scripts of the job."""
    if p.scripts is not None:
        getattr(p.scripts, name)(p, *args, **kwargs)


def fixed_seed(seed: Any) -> int:
    """Return an int seed; -1 and what is no number become a random one."""
    number = -1
    with suppress(ValueError, TypeError):
        number = int(seed)
    return number if number != -1 else random.randrange(LARGEST_RANDOM_SEED)


def prepare(p: Any) -> None:
    """Fill the lists that have an entry for each image of the job."""
    model = shared.sd_model
    p.sd_model_name, p.sd_model_hash = model.sd_checkpoint_info.name_for_extra, model.sd_model_hash
    p.restore_faces, p.tiling = bool(p.restore_faces), bool(p.tiling)
    seeds, subseeds = (seed if isinstance(seed, list) else fixed_seed(seed) for seed in (p.seed, p.subseed))
    p.setup_prompts()
    numbers = range(len(p.all_prompts))
    advance = 0 if p.subseed_strength else 1
    p.all_seeds = seeds if isinstance(seeds, list) else [seeds + advance * number for number in numbers]
    p.all_subseeds = subseeds if isinstance(subseeds, list) else [subseeds + number for number in numbers]


def run_batch(p: Any, number: int, output: Output) -> bool:
    """Run one batch; False when the job ends before it: interrupted, or a script has emptied the prompts."""
    p.iteration = number
    state.skipped = False
    if state.stopping_generation or state.interrupted or not set_up_batch(p, number):
        return False
    if p.n_iter > 1:
        state.job = f"Batch {number + 1} of {p.n_iter}"
    samples = p.sample(p.c, p.uc, p.seeds, p.subseeds, p.subseed_strength, p.prompts)
    made = decode(p, samples)
    state.nextjob()
    for index, one in enumerate(postprocess_batch(p, made, number)):
        p.batch_index = index
        finish_image(p, index, one, output)
    devices.torch_gc()
    return True


def set_up_batch(p: Any, number: int) -> bool:
    """Set this batch's prompts, seeds, noise, networks and conditions; False without prompts."""
    model = p.sd_model
    model.forge_objects = model.forge_objects_original.shallow_copy()
    take_prompts(p)
    p.seeds, p.subseeds = p.batch(p.all_seeds), p.batch(p.all_subseeds)
    p.rng = start_noise(p)
    given = {"batch_number": number, "seeds": p.seeds, "subseeds": p.subseeds}
    call_hook(p, "before_process_batch", prompts=p.prompts, **given)
    if not p.prompts:
        return False
    activate_networks(p)
    model.reset_parts()
    call_hook(p, "process_batch", prompts=p.prompts, **given)
    p.setup_conds()
    return True


def activate_networks(p: Any) -> None:
    """Activate the networks that this batch's prompts name, and take them out of the prompts."""
    p.take_networks()
    if p.disable_extra_networks is False:
        extra_networks.activate(p, extra_network_data=p.extra_network_data)


def take_prompts(p: Any) -> None:
    p.prompts, p.negative_prompts = p.batch(p.all_prompts), p.batch(p.all_negative_prompts)


def start_noise(p: Any) -> ImageNoise:
    """Return the noise of this batch, at the job's size in latent pixels."""
    channels = p.sd_model.forge_objects.vae.latent_channels
    resized = (p.seed_resize_from_h, p.seed_resize_from_w)
    return ImageNoise((channels, p.height // LATENT_PIXEL, p.width // LATENT_PIXEL), p.seeds, p.subseeds, p.subseed_strength,
                      tuple(int(side) // LATENT_PIXEL for side in resized) if min(resized) > 0 else None,
                      opts.eta_noise_seed_delta or 0, devices.device)


def decode(p: Any, samples: Any) -> Tensor:
    """Return latents, or decoded images, as float32 [B, 3, H, W], 0..1, on the CPU."""
    given = scripts.PostSampleArgs(samples)
    call_hook(p, "post_sample", given)
    if not getattr(given.samples, "already_decoded", False):
        devices.test_for_nans(given.samples, "unet")
        given.samples = decode_latent_batch(p.sd_model, given.samples)
    return pixels.to_unit(torch.stack([*given.samples]).float())


def postprocess_batch(p: Any, made: Tensor, number: int) -> Any:
    """Let the scripts change the batch; returns its images [3, H, W], 0..1."""
    if p.scripts is None:
        return made
    call_hook(p, "postprocess_batch", made, batch_number=number)
    take_prompts(p)
    given = scripts.PostprocessBatchListArgs([*made])
    call_hook(p, "postprocess_batch_list", given, batch_number=number)
    return given.images


def finish_image(p: Any, index: int, made: Tensor, output: Output) -> None:
    """Turn one decoded image into what the user gets: scripts, colors, the kept part of the init image, file, infotext."""
    image = image_hook(p, "postprocess_image", pixels.to_image_floor(made), index)
    mask, overlay = overlay_of(p, index)
    if p.color_corrections and index < len(p.color_corrections):
        image = color_match.match_colors(image, p.color_corrections[index])
    repainted = image
    if overlay is not None:
        repainted = image if p.paste_to is None else placed(image, p.paste_to, overlay.size)
        image = masks.lay_over(repainted, overlay)
    image = image_hook(p, "postprocess_image_after_composite", image, index)
    text = infotext_of(p, index, p.prompts, p.negative_prompts, p.seeds, p.subseeds)
    if saves_samples(p):
        images.save_image(image, p.outpath_samples, "", p.seeds[index], opts.samples_format, text, p)
    add_image(output, image, text)
    if mask is not None:
        return_masks(mask, repainted, image.size, output)


def image_hook(p: Any, name: str, image: Image.Image, index: int) -> Image.Image:
    given = scripts.PostprocessImageArgs(image, index + p.iteration * p.batch_size)
    call_hook(p, name, given)
    return given.image


def overlay_of(p: Any, index: int) -> tuple[Image.Image | None, Image.Image | None]:
    """Return the inpaint mask and the kept part of the init image (RGBA), as scripts leave them; None without a mask."""
    overlays = (p.overlay_images or [])[index:] if opts.overlay_inpaint else []
    given = scripts.PostProcessMaskOverlayArgs(index, getattr(p, "mask_for_overlay", None), next(iter(overlays), None))
    call_hook(p, "postprocess_maskoverlay", given)
    return given.mask_for_overlay, given.overlay_image


def placed(image: Image.Image, place: tuple[int, int, int, int], size: tuple[int, int]) -> Image.Image:
    """Return an RGBA image of the init image's size with the result at place, (x, y, width, height)."""
    x, y, width, height = place
    canvas = Image.new("RGBA", size)
    canvas.paste(images.resize_image(resize.COVER, image, width, height), (x, y))
    return canvas


def saves_samples(p: Any) -> bool:
    stopped = state.interrupted or state.skipped
    return bool(opts.samples_save) and not p.do_not_save_samples and (not stopped or bool(opts.save_incomplete_images))


def add_image(output: Output, image: Image.Image, text: str) -> None:
    if opts.enable_pnginfo:
        image.info.update(parameters=text)
    output.images.append(image)
    output.infotexts.append(text)


def return_masks(mask: Image.Image, repainted: Image.Image, size: tuple[int, int], output: Output) -> None:
    """Add the mask and the repainted part alone to the result, where the settings ask for them."""
    if opts.return_mask:
        output.images.append(mask.convert("RGB"))
    if not opts.return_mask_composite:
        return
    shape = images.resize_image(resize.FIT, mask, *size).convert("L")
    transparent = Image.new("RGBa", size)
    output.images.append(Image.composite(repainted.convert("RGBA").convert("RGBa"), transparent, shape).convert("RGBA"))


def whole_job_infotext(p: Any) -> str:
    """Return the infotext that stands for all images: the first one's."""
    return infotext_of(p, 0, [p.main_prompt], [p.main_negative_prompt], p.all_seeds, p.all_subseeds)


def add_grid(p: Any, output: Output) -> None:
    """Put a grid of all images in front of the result, and into a file, where the settings ask for it."""
    few = len(output.images) < (2 if opts.grid_only_if_multiple else 1)
    if few or p.do_not_save_grid or not (opts.return_grid or opts.grid_save):
        return
    grid, text = images.image_grid(output.images), whole_job_infotext(p)
    if opts.enable_pnginfo:
        grid.info.update(parameters=text)
    if opts.grid_save:
        images.save_image(grid, p.outpath_grids, "grid", p.all_seeds[0], opts.grid_format, text, p)
    if opts.return_grid:
        output.infotexts.insert(0, text)
        output.images.insert(0, grid)
        output.index_of_first_image += 1
