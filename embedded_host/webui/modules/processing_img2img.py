"""img2img and inpaint jobs. Needed by: modules/processing.py, lib_relight/hosts/webui.py (isinstance)."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from modules import devices, images
from modules.processing_base import StableDiffusionProcessing
from modules.sd_samplers_common import blend_masked, images_tensor_to_samples
from modules.shared import opts
from PIL import Image, ImageOps
from torch import Tensor

from sd_relight.embedded_host.engine import color_match, masks, pixels, resize
from sd_relight.embedded_host.engine.hires import LATENT_PIXEL
from sd_relight.embedded_host.engine.noise import ImageNoise
from sd_relight.embedded_host.errors import HostError

RESIZE_LATENT = 3
FILL, ORIGINAL, LATENT_NOISE, LATENT_NOTHING = range(4)
"""Values of inpainting_fill: what is below the mask before sampling."""
BLANK_MASK = 'Unable to perform "Inpaint Only mask" because mask is blank, switch to img2img mode.'


@dataclass(repr=False)
class StableDiffusionProcessingImg2Img(StableDiffusionProcessing):
    """mask, nmask: [4, h, w] in latent pixels, 1 where the latent is kept and where it is repainted; None without a mask.

    mask_for_overlay, paste_to (x, y, width, height): where the result goes into the init image.
    """

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

    def __post_init__(self):
        super().__post_init__()
        self.image_mask, self.mask = self.mask, None
        self.nmask = self.mask_for_overlay = self.init_latent = None
        if isinstance(self.mask_blur, int):
            self.mask_blur_x = self.mask_blur_y = self.mask_blur
        if self.initial_noise_multiplier is None:
            self.initial_noise_multiplier = opts.initial_noise_multiplier

    def init(self, all_prompts: list[str], all_seeds: list[int], all_subseeds: list[int]) -> None:
        self.extra_generation_params.update({"Denoising strength": self.denoising_strength})
        self.sampler = self.new_sampler()
        mask, region = self._prepare_mask()
        fill_mask = mask if self.latent_mask is None else self.latent_mask
        if self.scripts is not None:
            self.scripts.before_process_init_images(self, {"crop_region": region, "image_mask": mask})
        match = bool(opts.img2img_color_correction) and self.color_corrections is None
        prepared = [self._prepare_image(image, mask, fill_mask, region) for image in self.init_images]
        if match:
            self.color_corrections = [color_match.reference_colors(image) for image in prepared]
        batch = self._batched([pixels.to_array(image) for image in prepared])
        latent = images_tensor_to_samples(torch.from_numpy(batch).to(devices.device), self.sd_model, all_seeds)
        if self.resize_mode == RESIZE_LATENT:
            size = self.height // LATENT_PIXEL, self.width // LATENT_PIXEL
            latent = torch.nn.functional.interpolate(latent, size=size, mode="bilinear")
        self.init_latent = latent if mask is None else self._masked_latent(latent, fill_mask, all_seeds)

    def _prepare_mask(self) -> tuple[Image.Image | None, masks.Region | None]:
        """Return the mask at the job's size and the region that is cropped to; either may be None."""
        if self.image_mask is None:
            return None, None
        params = self.extra_generation_params
        mask = masks.mask_from_image(self.image_mask, rounded=self.mask_round)
        if bool(self.inpainting_mask_invert):
            mask = ImageOps.invert(mask)
            params["Mask mode"] = "Inpaint not masked"
        sigmas = self.mask_blur_x, self.mask_blur_y
        mask = masks.blur(mask, *sigmas)
        if max(sigmas) > 0:
            params["Mask blur"] = sigmas[0] if sigmas[0] == sigmas[1] else None
        self.overlay_images = []
        if self.inpaint_full_res:
            return self._crop_to_mask(mask)
        mask = images.resize_image(self.resize_mode, mask, self.width, self.height)
        self.mask_for_overlay = masks.doubled(mask)
        return mask, None

    def _crop_to_mask(self, mask: Image.Image) -> tuple[Image.Image | None, masks.Region | None]:
        region = masks.covered_region(mask, self.inpaint_full_res_padding)
        if region is None:
            self.inpaint_full_res = False
            self.comment(BLANK_MASK)
            return None, None
        self.mask_for_overlay = mask
        region = masks.grow_to_ratio(region, (self.width, self.height), mask.size)
        self.paste_to = region.placement
        self.extra_generation_params |= {"Inpaint area": "Only masked", "Masked area padding": self.inpaint_full_res_padding}
        return images.resize_image(resize.FIT, mask.crop(region), self.width, self.height), region

    def _prepare_image(self, image: Image.Image, mask: Image.Image | None, fill_mask: Image.Image | None,
                       region: masks.Region | None) -> Image.Image:
        """Return an init image as RGB at the job's size; with "just resize (latent)" at its own."""
        size = self.width, self.height
        image = resize.flatten(image, opts.img2img_background_color)
        if region is None and self.resize_mode != RESIZE_LATENT:
            image = images.resize_image(self.resize_mode, image, *size)
        if mask is not None:
            self._keep_overlay(image)
        if region is not None:
            image = images.resize_image(resize.FIT, image.crop(region), *size)
        if mask is not None and self.inpainting_fill != ORIGINAL:
            image = masks.fill(image, fill_mask)
            if self.inpainting_fill == FILL:
                self.extra_generation_params.update({"Masked content": "fill"})
        return image

    def _keep_overlay(self, image: Image.Image) -> None:
        """Keep the part of the init image that is laid over the result."""
        if self.mask_for_overlay.size != image.size:
            self.mask_for_overlay = images.resize_image(self.resize_mode, self.mask_for_overlay, *image.size)
        self.overlay_images.append(masks.visible_part(image, self.mask_for_overlay).convert("RGBA"))

    def _batched(self, arrays: list[np.ndarray]) -> np.ndarray:
        """Return [B, 3, H, W]: one init image for all images of the batch, or one for each. Raises HostError."""
        count = self.batch_size
        if len(arrays) > count:
            raise HostError(f"{len(arrays)} init images for a batch of {count}: send one, or as many as `batch_size`.")
        if len(arrays) > 1:
            self.batch_size = len(arrays)
            return np.stack(arrays)
        for name in ("overlay_images", "color_corrections"):
            single = getattr(self, name)
            if single is not None and len(single) == 1:
                setattr(self, name, [*single] * count)
        return np.stack(arrays * count)

    def _masked_latent(self, latent: Tensor, mask: Image.Image, seeds: list[int]) -> Tensor:
        """Set mask and nmask; returns the init latent with noise or zeros below the mask, where the job asks for them."""
        channels, height, width = latent.shape[1:]
        repainted = torch.from_numpy(masks.latent_mask(mask, width, height, self.mask_round))
        self.nmask = repainted.repeat(channels, 1, 1).to(latent)
        self.mask = 1 - self.nmask
        params = self.extra_generation_params
        if self.inpainting_fill == LATENT_NOISE:
            params["Masked content"] = "latent noise"
            noise = ImageNoise(latent.shape[1:], seeds[:len(latent)]).next()
            return latent * self.mask + noise.to(latent) * self.nmask
        if self.inpainting_fill == LATENT_NOTHING:
            params["Masked content"] = "latent nothing"
            return latent * self.mask
        return latent

    def sample(self, conditioning: Tensor, unconditional_conditioning: Tensor | None, seeds: list[int], subseeds: list[int],
               subseed_strength: float, prompts: list[str]) -> Any:
        noise, factor = self.rng.next(), self.initial_noise_multiplier
        if factor != 1.0:
            self.extra_generation_params["Noise multiplier"] = factor
            noise = noise * factor
        noise = self.before_sampling(self.init_latent, noise, conditioning, unconditional_conditioning)
        samples = self.sampler.sample_img2img(self, self.init_latent, noise, conditioning, unconditional_conditioning)
        return samples if self.mask is None else blend_masked(self, samples, self.init_latent)
