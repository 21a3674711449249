"""The loop over batches. Order of steps and hooks as Forge main dfdcbab6 modules/processing.py, process_images_inner."""

import numpy as np
import torch
from PIL import Image

from modules import color_correction, devices, extra_networks, images, rng, scripts, sd_samplers, sd_samplers_common, shared
from modules.processing_base import get_fixed_seed
from modules.processing_infotext import create_infotext
from modules.processing_overlay import apply_overlay
from modules.processing_result import Processed
from modules.shared import opts, state


def process_images(p):
    """Run a job with its settings overrides; the former settings are put back afterwards. Returns Processed."""
    if p.scripts is not None:
        p.scripts.before_process(p)
    stored = {key: opts.data[key] for key in p.override_settings if key in opts.data}
    try:
        for key in stored:
            opts.set(key, p.override_settings[key], run_callbacks=False)
        sd_samplers.fix_p_invalid_sampler_and_scheduler(p)
        return process_images_inner(p)
    finally:
        if p.override_settings_restore_afterwards:
            for key, value in stored.items():
                opts.set(key, value, run_callbacks=False)


def process_images_inner(p):
    _prepare(p)
    if p.scripts is not None:
        p.scripts.process(p)
    output = _Output()
    with torch.inference_mode():
        p.init(p.all_prompts, p.all_seeds, p.all_subseeds)
        if state.job_count == -1:
            state.job_count = p.n_iter
        for number in range(p.n_iter):
            if not _run_batch(p, number, output):
                break
        if not output.infotexts:
            output.infotexts.append(Processed(p, []).infotext(p, 0))
        p.color_corrections = None
        _add_grid(p, output)
    if not p.disable_extra_networks and p.extra_network_data:
        extra_networks.deactivate(p, p.extra_network_data)
    devices.torch_gc()
    result = Processed(p, images_list=output.images, seed=p.all_seeds[0], info=output.infotexts[0],
                       subseed=p.all_subseeds[0], index_of_first_image=output.index_of_first_image,
                       infotexts=output.infotexts, extra_images_list=p.extra_result_images)
    if p.scripts is not None:
        p.scripts.postprocess(p, result)
    return result


class _Output:
    def __init__(self):
        self.images, self.infotexts = [], []
        self.index_of_first_image = 0


def _prepare(p):
    seed, subseed = get_fixed_seed_list(p.seed), get_fixed_seed_list(p.subseed)
    p.restore_faces = opts.face_restoration if p.restore_faces is None else p.restore_faces
    p.tiling = opts.tiling if p.tiling is None else p.tiling
    model = shared.sd_model
    p.sd_model_name = model.sd_checkpoint_info.name_for_extra
    p.sd_model_hash = model.sd_model_hash
    model.comments, model.extra_generation_params = [], {}
    p.fill_fields_from_opts()
    p.setup_prompts()
    count = range(len(p.all_prompts))
    step = 1 if p.subseed_strength == 0 else 0
    p.all_seeds = seed if isinstance(seed, list) else [seed + i * step for i in count]
    p.all_subseeds = subseed if isinstance(subseed, list) else [subseed + i for i in count]


def get_fixed_seed_list(seed):
    return seed if isinstance(seed, list) else get_fixed_seed(seed)


def _run_batch(p, number, output):
    """One batch; False when the job ends before it (interrupted, or a hook emptied the prompts)."""
    p.iteration = number
    state.skipped = False
    if state.interrupted or state.stopping_generation:
        return False
    if not _set_up_batch(p, number):
        return False
    if p.n_iter > 1:
        state.job = f"Batch {number + 1} out of {p.n_iter}"
    samples = p.sample(conditioning=p.c, unconditional_conditioning=p.uc, seeds=p.seeds, subseeds=p.subseeds,
                       subseed_strength=p.subseed_strength, prompts=p.prompts)
    p.latents_after_sampling.extend(samples)
    pixels = _decode(p, samples)
    state.nextjob()
    if p.scripts is not None:
        pixels = _postprocess_batch(p, pixels, number)
    save = p.save_samples()
    for index, image in enumerate(pixels):
        p.batch_index = index
        _finish_image(p, index, image, save, output)
    devices.torch_gc()
    return True


def _set_up_batch(p, number):
    model = p.sd_model
    model.forge_objects = model.forge_objects_original.shallow_copy()
    batch = slice(number * p.batch_size, (number + 1) * p.batch_size)
    p.prompts, p.negative_prompts = p.all_prompts[batch], p.all_negative_prompts[batch]
    p.seeds, p.subseeds = p.all_seeds[batch], p.all_subseeds[batch]
    channels = model.forge_objects.vae.latent_channels
    p.rng = rng.ImageRNG((channels, p.height // 8, p.width // 8), p.seeds, subseeds=p.subseeds,
                         subseed_strength=p.subseed_strength, seed_resize_from_h=p.seed_resize_from_h,
                         seed_resize_from_w=p.seed_resize_from_w)
    given = {"batch_number": number, "prompts": p.prompts, "seeds": p.seeds, "subseeds": p.subseeds}
    if p.scripts is not None:
        p.scripts.before_process_batch(p, **given)
    if len(p.prompts) == 0:
        return False
    p.parse_extra_network_prompts()
    if not p.disable_extra_networks:
        extra_networks.activate(p, p.extra_network_data)
    model.forge_objects = model.forge_objects_after_applying_lora.shallow_copy()
    if p.scripts is not None:
        p.scripts.process_batch(p, **{**given, "prompts": p.prompts})
    p.setup_conds()
    p.extra_generation_params.update(model.extra_generation_params)
    for comment in model.comments:
        p.comment(comment)
    return True


def _decode(p, samples):
    """Pictures as float32 [B, 3, H, W], 0..1, on the CPU."""
    if p.scripts is not None:
        ps = scripts.PostSampleArgs(samples)
        p.scripts.post_sample(p, ps)
        samples = ps.samples
    if not getattr(samples, "already_decoded", False):
        devices.test_for_nans(samples, "unet")
        samples = sd_samplers_common.decode_latent_batch(p.sd_model, samples)
    return torch.clamp((torch.stack(list(samples)).float() + 1) / 2, 0, 1)


def _postprocess_batch(p, pixels, number):
    p.scripts.postprocess_batch(p, pixels, batch_number=number)
    batch = slice(number * p.batch_size, (number + 1) * p.batch_size)
    p.prompts, p.negative_prompts = p.all_prompts[batch], p.all_negative_prompts[batch]
    pp = scripts.PostprocessBatchListArgs(list(pixels))
    p.scripts.postprocess_batch_list(p, pp, batch_number=number)
    return pp.images


def _finish_image(p, index, pixels, save, output):
    image = Image.fromarray((255 * np.moveaxis(pixels.cpu().numpy(), 0, 2)).astype(np.uint8))
    image = _image_hook(p, "postprocess_image", image, index)
    mask, overlay = _overlay_of(p, index)
    if p.color_corrections is not None and index < len(p.color_corrections):
        image = color_correction.apply(p.color_corrections[index], image)
    image, denoised = apply_overlay(image, p.paste_to, overlay)
    p.pixels_after_sampling.append(image)
    image = _image_hook(p, "postprocess_image_after_composite", image, index)
    text = _infotext(p, index)
    if save:
        _save(p, image, p.outpath_samples, index, text)
    output.infotexts.append(text)
    if opts.enable_pnginfo:
        image.info["parameters"] = text
    output.images.append(image)
    if mask is not None:
        _return_masks(mask, denoised, image, output)


def _image_hook(p, name, image, index):
    if p.scripts is None:
        return image
    pp = scripts.PostprocessImageArgs(image, index + p.iteration * p.batch_size)
    getattr(p.scripts, name)(p, pp)
    return pp.image


def _overlay_of(p, index):
    mask, overlays = getattr(p, "mask_for_overlay", None), getattr(p, "overlay_images", None)
    overlay = overlays[index] if opts.overlay_inpaint and overlays is not None and index < len(overlays) else None
    if p.scripts is not None:
        ppmo = scripts.PostProcessMaskOverlayArgs(index, mask, overlay)
        p.scripts.postprocess_maskoverlay(p, ppmo)
        mask, overlay = ppmo.mask_for_overlay, ppmo.overlay_image
    return mask, overlay


def _return_masks(mask, denoised, image, output):
    if opts.return_mask:
        output.images.append(mask.convert("RGB"))
    if opts.return_mask_composite:
        resized = images.resize_image(2, mask, image.width, image.height).convert("L")
        composite = Image.composite(denoised.convert("RGBA").convert("RGBa"), Image.new("RGBa", image.size), resized)
        output.images.append(composite.convert("RGBA"))


def _infotext(p, index=0, use_main_prompt=False):
    return create_infotext(p, p.prompts, p.seeds, p.subseeds, use_main_prompt=use_main_prompt, index=index,
                           all_negative_prompts=p.negative_prompts)


def _save(p, image, folder, index, text, **kwargs):
    images.save_image(image, folder, "", p.seeds[index], p.prompts[index], opts.samples_format, info=text, p=p, **kwargs)


def _add_grid(p, output):
    wanted = (opts.return_grid or opts.grid_save) and not p.do_not_save_grid
    if not wanted or not output.images or len(output.images) < 2 and opts.grid_only_if_multiple:
        return
    grid, text = images.image_grid(output.images, p.batch_size), _infotext(p, use_main_prompt=True)
    if opts.enable_pnginfo:
        grid.info["parameters"] = text
    if opts.grid_save:
        images.save_image(grid, p.outpath_grids, "grid", p.all_seeds[0], p.all_prompts[0], opts.grid_format, info=text,
                          p=p, grid=True)
    if opts.return_grid:
        output.infotexts.insert(0, text)
        output.images.insert(0, grid)
        output.index_of_first_image = 1
