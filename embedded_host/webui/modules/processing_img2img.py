"""img2img and inpainting. Mirrors Forge main dfdcbab6 modules/processing.py, StableDiffusionProcessingImg2Img."""

from dataclasses import dataclass, field

import numpy as np
import torch
from PIL import Image, ImageOps

from modules import color_correction, images, masking, rng, scripts, sd_samplers, sd_samplers_common, shared
from modules.processing_base import StableDiffusionProcessing
from modules.processing_overlay import create_binary_mask
from modules.shared import opts


@dataclass(repr=False)
class StableDiffusionProcessingImg2Img(StableDiffusionProcessing):
    init_images: list = None
    resize_mode: int = 0
    denoising_strength: float = 0.75
    image_cfg_scale: float = None
    mask: object = None
    mask_blur_x: int = 4
    mask_blur_y: int = 4
    mask_blur: int = None
    mask_round: bool = True
    inpainting_fill: int = 0
    inpaint_full_res: bool = True
    inpaint_full_res_padding: int = 0
    inpainting_mask_invert: int = 0
    initial_noise_multiplier: float = None
    latent_mask: object = None
    force_task_id: str = None

    image_mask: object = field(default=None, init=False)
    nmask: torch.Tensor = field(default=None, init=False)
    image_conditioning: torch.Tensor = field(default=None, init=False)
    init_img_hash: str = field(default=None, init=False)
    mask_for_overlay: object = field(default=None, init=False)
    init_latent: torch.Tensor = field(default=None, init=False)

    def __post_init__(self):
        super().__post_init__()
        self.image_mask, self.mask = self.mask, None
        if self.initial_noise_multiplier is None:
            self.initial_noise_multiplier = opts.initial_noise_multiplier

    @property
    def mask_blur(self):
        return self.mask_blur_x if self.mask_blur_x == self.mask_blur_y else None

    @mask_blur.setter
    def mask_blur(self, value):
        if isinstance(value, int):
            self.mask_blur_x = self.mask_blur_y = value

    def init(self, all_prompts, all_seeds, all_subseeds):
        self.extra_generation_params["Denoising strength"] = self.denoising_strength
        self.image_cfg_scale = None
        self.sampler = sd_samplers.create_sampler(self.sampler_name, self.sd_model)
        image_mask, crop_region = self._prepare_mask()
        latent_mask = self.latent_mask if self.latent_mask is not None else image_mask
        if self.scripts is not None:
            self.scripts.before_process_init_images(self, dict(crop_region=crop_region, image_mask=image_mask))

        correct = opts.img2img_color_correction and self.color_corrections is None
        if correct:
            self.color_corrections = []
        arrays = [self._prepare_image(image, image_mask, latent_mask, crop_region, correct) for image in self.init_images]
        pixels = torch.from_numpy(self._batched(arrays)).to(shared.device)
        self.init_latent = sd_samplers_common.images_tensor_to_samples(pixels, model=self.sd_model, seeds=all_seeds)
        if self.resize_mode == 3:
            self.init_latent = torch.nn.functional.interpolate(
                self.init_latent, size=(self.height // 8, self.width // 8), mode="bilinear")
        if image_mask is not None:
            self._mask_latent(latent_mask, all_seeds)
        self.image_conditioning = self.img2img_image_conditioning(pixels * 2 - 1, self.init_latent, image_mask)

    def _prepare_mask(self):
        """(the mask at the processing size or None, the crop region (x1, y1, x2, y2) or None)."""
        if self.image_mask is None:
            return None, None
        mask = create_binary_mask(self.image_mask, round=self.mask_round)
        if self.inpainting_mask_invert:
            mask = ImageOps.invert(mask)
            self.extra_generation_params["Mask mode"] = "Inpaint not masked"
        mask = masking.blur(mask, self.mask_blur_x, self.mask_blur_y)
        if self.mask_blur_x > 0 or self.mask_blur_y > 0:
            self.extra_generation_params["Mask blur"] = self.mask_blur
        self.overlay_images = []
        if self.inpaint_full_res:
            return self._crop_to_mask(mask)
        mask = images.resize_image(self.resize_mode, mask, self.width, self.height)
        doubled = np.clip(np.array(mask).astype(np.float32) * 2, 0, 255).astype(np.uint8)
        self.mask_for_overlay = Image.fromarray(doubled)
        return mask, None

    def _crop_to_mask(self, mask):
        self.mask_for_overlay = mask
        region = masking.get_crop_region_v2(mask.convert("L"), self.inpaint_full_res_padding)
        if not region:
            self.mask_for_overlay = None
            self.inpaint_full_res = False
            self.comment('Unable to perform "Inpaint Only mask" because mask is blank, switch to img2img mode.')
            return None, None
        region = masking.expand_crop_region(region, self.width, self.height, mask.width, mask.height)
        x1, y1, x2, y2 = region
        self.paste_to = (x1, y1, x2 - x1, y2 - y1)
        self.extra_generation_params["Inpaint area"] = "Only masked"
        self.extra_generation_params["Masked area padding"] = self.inpaint_full_res_padding
        return images.resize_image(2, mask.convert("L").crop(region), self.width, self.height), region

    def _prepare_image(self, image, image_mask, latent_mask, crop_region, correct):
        """One init image as float32 [3, H, W], 0..1, at the processing size (resize mode 3: at its own)."""
        image = images.flatten(image, opts.img2img_background_color)
        if crop_region is None and self.resize_mode != 3:
            image = images.resize_image(self.resize_mode, image, self.width, self.height)
        if image_mask is not None:
            self._keep_overlay(image)
        if crop_region is not None:
            image = images.resize_image(2, image.crop(crop_region), self.width, self.height)
        if image_mask is not None and self.inpainting_fill != 1:
            image = masking.fill(image, latent_mask)
            if self.inpainting_fill == 0:
                self.extra_generation_params["Masked content"] = "fill"
        if correct:
            self.color_corrections.append(color_correction.target(image))
        return np.moveaxis(np.array(image).astype(np.float32) / 255, 2, 0)

    def _keep_overlay(self, image):
        if self.mask_for_overlay.size != image.size:
            self.mask_for_overlay = images.resize_image(self.resize_mode, self.mask_for_overlay, *image.size)
        overlay = Image.new("RGBa", image.size)
        overlay.paste(image.convert("RGBA").convert("RGBa"), mask=ImageOps.invert(self.mask_for_overlay.convert("L")))
        self.overlay_images.append(overlay.convert("RGBA"))

    def _batched(self, arrays):
        if len(arrays) == 1:
            if self.overlay_images is not None:
                self.overlay_images = self.overlay_images * self.batch_size
            if self.color_corrections is not None and len(self.color_corrections) == 1:
                self.color_corrections = self.color_corrections * self.batch_size
            return arrays[0][None].repeat(self.batch_size, axis=0)
        if len(arrays) > self.batch_size:
            raise RuntimeError(f"bad number of images passed: {len(arrays)}; expecting {self.batch_size} or less")
        self.batch_size = len(arrays)
        return np.array(arrays)

    def _mask_latent(self, latent_mask, all_seeds):
        latent = self.init_latent
        mask = np.array(latent_mask.convert("L").resize((latent.shape[3], latent.shape[2])), dtype=np.float32) / 255
        mask = np.around(mask) if self.mask_round else mask
        self.nmask = torch.from_numpy(np.tile(mask[None], (latent.shape[1], 1, 1))).to(latent)
        self.mask = 1 - self.nmask
        if self.inpainting_fill == 2:
            noise = rng.ImageRNG(latent.shape[1:], all_seeds[:latent.shape[0]]).next()
            self.init_latent = latent * self.mask + noise.to(latent) * self.nmask
            self.extra_generation_params["Masked content"] = "latent noise"
        elif self.inpainting_fill == 3:
            self.init_latent = latent * self.mask
            self.extra_generation_params["Masked content"] = "latent nothing"

    def sample(self, conditioning, unconditional_conditioning, seeds, subseeds, subseed_strength, prompts):
        x = self.rng.next()
        if self.initial_noise_multiplier != 1.0:
            self.extra_generation_params["Noise multiplier"] = self.initial_noise_multiplier
            x = x * self.initial_noise_multiplier
        self.sd_model.forge_objects = self.sd_model.forge_objects_after_applying_lora.shallow_copy()
        if self.scripts is not None:
            self.scripts.process_before_every_sampling(self, x=self.init_latent, noise=x, c=conditioning,
                                                       uc=unconditional_conditioning)
        if self.modified_noise is not None:
            x, self.modified_noise = self.modified_noise, None
        samples = self.sampler.sample_img2img(self, self.init_latent, x, conditioning, unconditional_conditioning,
                                              image_conditioning=self.image_conditioning)
        return samples if self.mask is None else self._blend(samples)

    def _blend(self, samples):
        blended = samples * self.nmask + self.init_latent * self.mask
        if self.scripts is None:
            return blended
        mba = scripts.MaskBlendArgs(samples, self.nmask, self.init_latent, self.mask, blended)
        self.scripts.on_mask_blend(self, mba)
        return mba.blended_latent
