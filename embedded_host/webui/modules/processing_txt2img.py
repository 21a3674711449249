"""txt2img with hires fix. Mirrors Forge main dfdcbab6 modules/processing.py, StableDiffusionProcessingTxt2Img."""

from dataclasses import dataclass, field

import numpy as np
import torch
from PIL import Image

from modules import extra_networks, images, prompt_parser, rng, sd_samplers, sd_samplers_common, shared
from modules.processing_base import StableDiffusionProcessing
from modules.shared import state


@dataclass(repr=False)
class StableDiffusionProcessingTxt2Img(StableDiffusionProcessing):
    enable_hr: bool = False
    denoising_strength: float = 0.75
    firstphase_width: int = 0
    firstphase_height: int = 0
    hr_scale: float = 2.0
    hr_upscaler: str = None
    hr_second_pass_steps: int = 0
    hr_resize_x: int = 0
    hr_resize_y: int = 0
    hr_checkpoint_name: str = None
    hr_additional_modules: list = None
    hr_sampler_name: str = None
    hr_scheduler: str = None
    hr_prompt: str = ""
    hr_negative_prompt: str = ""
    hr_cfg: float = 1.0
    hr_distilled_cfg: float = 3.5
    force_task_id: str = None

    hr_upscale_to_x: int = field(default=0, init=False)
    hr_upscale_to_y: int = field(default=0, init=False)
    truncate_x: int = field(default=0, init=False)
    truncate_y: int = field(default=0, init=False)
    latent_scale_mode: dict = field(default=None, init=False)
    hr_c: object = field(default=None, init=False)
    hr_uc: object = field(default=None, init=False)
    all_hr_prompts: list = field(default=None, init=False)
    all_hr_negative_prompts: list = field(default=None, init=False)
    hr_prompts: list = field(default=None, init=False)
    hr_negative_prompts: list = field(default=None, init=False)
    hr_extra_network_data: dict = field(default=None, init=False)

    def __post_init__(self):
        super().__post_init__()
        if self.firstphase_width or self.firstphase_height:
            self.hr_upscale_to_x, self.hr_upscale_to_y = self.width, self.height
            self.width, self.height = self.firstphase_width, self.firstphase_height

    def calculate_target_resolution(self):
        """hr_upscale_to_x/y in pixels and truncate_x/y in latent pixels, with Forge's integer arithmetic."""
        x, y = self.hr_resize_x, self.hr_resize_y
        if x == 0 and y == 0:
            self.extra_generation_params["Hires upscale"] = self.hr_scale
            self.hr_upscale_to_x = int(self.width * self.hr_scale)
            self.hr_upscale_to_y = int(self.height * self.hr_scale)
            return
        self.extra_generation_params["Hires resize"] = f"{x}x{y}"
        by_width = y == 0 or (x != 0 and self.width / self.height < x / y)
        if by_width:
            self.hr_upscale_to_x, self.hr_upscale_to_y = x, x * self.height // self.width
        else:
            self.hr_upscale_to_x, self.hr_upscale_to_y = y * self.width // self.height, y
        if x and y:
            self.truncate_x = (self.hr_upscale_to_x - x) // 8
            self.truncate_y = (self.hr_upscale_to_y - y) // 8

    def init(self, all_prompts, all_seeds, all_subseeds):
        if not self.enable_hr:
            return
        params = self.extra_generation_params
        params["Denoising strength"] = self.denoising_strength
        if self.hr_sampler_name is not None and self.hr_sampler_name != self.sampler_name:
            params["Hires sampler"] = self.hr_sampler_name
        params["Hires prompt"] = _hr_prompt
        params["Hires negative prompt"] = _hr_negative_prompt
        params["Hires CFG Scale"] = self.hr_cfg
        self.hr_scheduler = self.hr_scheduler or self.scheduler
        self._find_upscaler()
        self.calculate_target_resolution()
        self._count_jobs()
        if self.hr_second_pass_steps:
            params["Hires steps"] = self.hr_second_pass_steps
        if self.hr_upscaler is not None:
            params["Hires upscaler"] = self.hr_upscaler

    def _find_upscaler(self):
        name = self.hr_upscaler if self.hr_upscaler is not None else shared.latent_upscale_default_mode
        self.latent_scale_mode = shared.latent_upscale_modes.get(name)
        if self.latent_scale_mode is None and not any(x.name == name for x in shared.sd_upscalers):
            raise Exception(f"could not find upscaler named {name}")

    def _count_jobs(self):
        if not state.processing_has_refined_job_count:
            if state.job_count == -1:
                state.job_count = self.n_iter
            state.job_count *= 2
            state.processing_has_refined_job_count = True

    def sample(self, conditioning, unconditional_conditioning, seeds, subseeds, subseed_strength, prompts):
        self.sampler = sd_samplers.create_sampler(self.sampler_name, self.sd_model)
        if self.firstpass_image is not None and self.enable_hr:
            samples, decoded = self._from_firstpass_image()
            return self.sample_hr_pass(samples, decoded, seeds, subseeds, subseed_strength, prompts)

        x = self.rng.next()
        self._reset_unet()
        if self.scripts is not None:
            self.scripts.process_before_every_sampling(self, x=x, noise=x, c=conditioning, uc=unconditional_conditioning)
        x = self._take_modified_noise(x)
        samples = self.sampler.sample(self, x, conditioning, unconditional_conditioning,
                                      image_conditioning=self.txt2img_image_conditioning(x))
        if not self.enable_hr:
            return samples
        decoded = None
        if self.latent_scale_mode is None:
            decoded = torch.stack(sd_samplers_common.decode_latent_batch(self.sd_model, samples)).float()
        return self.sample_hr_pass(samples, decoded, seeds, subseeds, subseed_strength, prompts)

    def _from_firstpass_image(self):
        pixels = np.moveaxis(np.array(self.firstpass_image.convert("RGB")).astype(np.float32) / 255, 2, 0)[None]
        pixels = torch.from_numpy(pixels).to(shared.device)
        if self.latent_scale_mode is None:
            return None, pixels * 2 - 1
        return sd_samplers_common.images_tensor_to_samples(pixels, model=self.sd_model, seeds=self.seeds), None

    def _reset_unet(self):
        self.sd_model.forge_objects = self.sd_model.forge_objects_after_applying_lora.shallow_copy()

    def _take_modified_noise(self, noise):
        if self.modified_noise is not None:
            noise, self.modified_noise = self.modified_noise, None
        return noise

    def sample_hr_pass(self, samples, decoded_samples, seeds, subseeds, subseed_strength, prompts):
        """Upscale, then sample again from there. Returns decoded pictures, -1..1."""
        if state.interrupted:
            return samples
        self.is_hr_pass = True
        self.sampler = sd_samplers.create_sampler(self.hr_sampler_name or self.sampler_name, self.sd_model)
        samples = self._upscaled(samples, decoded_samples, seeds)
        state.nextjob()
        samples = self._truncated(samples)
        self.rng = rng.ImageRNG(samples.shape[1:], self.seeds, subseeds=self.subseeds,
                                subseed_strength=self.subseed_strength, seed_resize_from_h=self.seed_resize_from_h,
                                seed_resize_from_w=self.seed_resize_from_w)
        noise = self.rng.next()
        if not self.disable_extra_networks:
            extra_networks.activate(self, self.hr_extra_network_data)
        self.calculate_hr_conds()

        kwargs = {"x": samples, "noise": noise, "c": self.hr_c, "uc": self.hr_uc}
        if self.scripts is not None:
            self.scripts.before_hr(self)
            self.scripts.process_before_every_sampling(self, **kwargs)
        self._reset_unet()
        if self.scripts is not None:
            self.scripts.process_before_every_sampling(self, **kwargs)
        noise = self._take_modified_noise(noise)
        samples = self.sampler.sample_img2img(self, samples, noise, self.hr_c, self.hr_uc,
                                              steps=self.hr_second_pass_steps or self.steps,
                                              image_conditioning=self.txt2img_image_conditioning(samples))
        self.sampler = None
        decoded = sd_samplers_common.decode_latent_batch(self.sd_model, samples)
        self.is_hr_pass = False
        return decoded

    def _upscaled(self, samples, decoded, seeds):
        width, height = self.hr_upscale_to_x, self.hr_upscale_to_y
        mode = self.latent_scale_mode
        if mode is not None:
            return torch.nn.functional.interpolate(samples, size=(height // 8, width // 8), mode=mode["mode"],
                                                   antialias=mode["antialias"])
        batch = []
        for pixels in torch.clamp((decoded + 1) / 2, 0, 1):
            picture = Image.fromarray((255 * np.moveaxis(pixels.cpu().numpy(), 0, 2)).astype(np.uint8))
            picture = images.resize_image(0, picture, width, height, upscaler_name=self.hr_upscaler)
            batch.append(np.moveaxis(np.array(picture).astype(np.float32) / 255, 2, 0))
        pixels = torch.from_numpy(np.array(batch)).to(shared.device)
        return sd_samplers_common.images_tensor_to_samples(pixels, model=self.sd_model, seeds=seeds)

    def _truncated(self, samples):
        x, y = self.truncate_x, self.truncate_y
        height, width = samples.shape[2:]
        return samples[:, :, y // 2:height - (y + 1) // 2, x // 2:width - (x + 1) // 2]

    def close(self):
        super().close()
        self.hr_c = self.hr_uc = None

    def setup_prompts(self):
        super().setup_prompts()
        if not self.enable_hr:
            return
        self.hr_prompt = self.hr_prompt or self.prompt
        self.hr_negative_prompt = self.hr_negative_prompt or self.negative_prompt
        count = len(self.all_prompts)
        self.all_hr_prompts = self.hr_prompt if isinstance(self.hr_prompt, list) else [self.hr_prompt] * count
        negative = self.hr_negative_prompt
        self.all_hr_negative_prompts = negative if isinstance(negative, list) else [negative] * count

    def calculate_hr_conds(self):
        if self.hr_c is not None:
            return
        learn, steps = prompt_parser.get_learned_conditioning, self.hr_second_pass_steps or self.steps
        self.hr_uc = None if self.hr_cfg == 1 else learn(shared.sd_model, self.hr_negative_prompts, steps)
        self.hr_c = learn(shared.sd_model, self.hr_prompts, steps)

    def setup_conds(self):
        super().setup_conds()
        self.hr_uc = self.hr_c = None
        if self.enable_hr:
            extra_networks.activate(self, self.hr_extra_network_data)
            self.calculate_hr_conds()
            extra_networks.activate(self, self.extra_network_data)

    def get_conds(self):
        return (self.hr_c, self.hr_uc) if self.is_hr_pass else super().get_conds()

    def parse_extra_network_prompts(self):
        super().parse_extra_network_prompts()
        if self.enable_hr:
            batch = slice(self.iteration * self.batch_size, (self.iteration + 1) * self.batch_size)
            self.hr_negative_prompts = self.all_hr_negative_prompts[batch]
            self.hr_prompts, self.hr_extra_network_data = extra_networks.parse_prompts(self.all_hr_prompts[batch])


def _hr_prompt(p, index, prompt_text, **kwargs):
    return p.all_hr_prompts[index] if p.all_hr_prompts[index] != prompt_text else None


def _hr_negative_prompt(p, index, negative_prompt, **kwargs):
    return p.all_hr_negative_prompts[index] if p.all_hr_negative_prompts[index] != negative_prompt else None
