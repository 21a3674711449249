"""txt2img jobs with the hires pass. Needed by: modules/processing.py."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import torch
from modules import devices, extra_networks, images, shared
from modules.processing_base import StableDiffusionProcessing, per_image
from modules.sd_samplers_common import decode_latent_batch, images_tensor_to_samples
from modules.shared import state
from torch import Tensor

from sd_relight.embedded_host.engine import hires, pixels


@dataclass(repr=False)
class StableDiffusionProcessingTxt2Img(StableDiffusionProcessing):
    """hr_cfg: the CFG scale of the hires pass, by default the first pass's."""

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
    hr_cfg: float = None
    hr_distilled_cfg: float = 3.5
    force_task_id: str = None

    hr_size: hires.HiresSize = field(default=hires.HiresSize(0, 0), init=False)

    def __post_init__(self):
        super().__post_init__()
        self.hr_c = self.hr_uc = self.hr_extra_network_data = self.latent_scale_mode = None
        if self.firstphase_width or self.firstphase_height:
            self.width, self.height = self.firstphase_width, self.firstphase_height

    def setup_prompts(self) -> None:
        super().setup_prompts()
        if self.enable_hr:
            self.hr_prompt, self.hr_negative_prompt = (
                self.hr_prompt or self.prompt, self.hr_negative_prompt or self.negative_prompt)
            self.all_hr_prompts, self.all_hr_negative_prompts = (
                per_image(text, len(self.all_prompts)) for text in (self.hr_prompt, self.hr_negative_prompt))

    def init(self, all_prompts: list[str], all_seeds: list[int], all_subseeds: list[int]) -> None:
        if not self.enable_hr:
            return
        if self.hr_cfg is None:
            self.hr_cfg = self.cfg_scale
        self.hr_scheduler = self.hr_scheduler or self.scheduler
        self._find_upscaler()
        self._note_hires_settings()
        self._count_passes()

    def _find_upscaler(self) -> None:
        name = shared.latent_upscale_default_mode if self.hr_upscaler is None else self.hr_upscaler
        self.latent_scale_mode = shared.latent_upscale_modes.get(name)
        if self.latent_scale_mode is None and name not in [known.name for known in shared.sd_upscalers]:
            raise ValueError(f"could not find upscaler named {name}")

    def _note_hires_settings(self) -> None:
        """Compute the size of the hires pass and write its settings into the infotext."""
        params, resize = self.extra_generation_params, (self.hr_resize_x, self.hr_resize_y)
        sampler = self.hr_sampler_name if self.hr_sampler_name != self.sampler_name else None
        params |= {"Denoising strength": self.denoising_strength, **_given("Hires sampler", sampler),
                   "Hires prompt": lambda index, prompt_text, **_: _other(self.all_hr_prompts[index], prompt_text),
                   "Hires negative prompt":
                       lambda index, negative_prompt, **_: _other(self.all_hr_negative_prompts[index], negative_prompt),
                   "Hires CFG Scale": self.hr_cfg}
        if any(resize):
            params["Hires resize"] = "x".join(map(str, resize))
            self.hr_size = hires.fitted_size(self.width, self.height, *resize)
        else:
            params["Hires upscale"] = self.hr_scale
            self.hr_size = hires.scaled_size(self.width, self.height, self.hr_scale)
        params |= {**_given("Hires steps", self.hr_second_pass_steps or None), **_given("Hires upscaler", self.hr_upscaler)}

    def _count_passes(self) -> None:
        """Tell the progress bar that every batch has two passes."""
        if state.processing_has_refined_job_count:
            return
        batches = self.n_iter if state.job_count == -1 else state.job_count
        state.job_count, state.processing_has_refined_job_count = 2 * batches, True

    def take_networks(self) -> None:
        super().take_networks()
        if self.enable_hr:
            self.hr_negative_prompts = self.batch(self.all_hr_negative_prompts)
            self.hr_prompts, self.hr_extra_network_data = extra_networks.parse_prompts(self.batch(self.all_hr_prompts))

    def setup_conds(self) -> None:
        """Encode the prompts of both passes, those of the hires pass with its own networks."""
        super().setup_conds()
        self.hr_c = None
        if self.enable_hr:
            hires_networks, own_networks = self.hr_extra_network_data, self.extra_network_data
            extra_networks.activate(self, hires_networks)
            self._setup_hires_conds()
            extra_networks.activate(self, own_networks)

    def _setup_hires_conds(self) -> None:
        if self.hr_c is None:
            self.hr_c, self.hr_uc = self.encode_prompts(self.hr_prompts, self.hr_negative_prompts, self.hr_cfg)

    def sample(self, conditioning: Tensor, unconditional_conditioning: Tensor | None, seeds: list[int], subseeds: list[int],
               subseed_strength: float, prompts: list[str]) -> Any:
        first = self.firstpass_image if self.enable_hr else None
        if first is not None:
            decoded = torch.from_numpy(pixels.to_array(first.convert("RGB"))[None]).to(devices.device)
            if self.latent_scale_mode:
                return self._sample_hires(self._upscaled_latent(images_tensor_to_samples(decoded, self.sd_model, self.seeds)))
            return self._sample_hires(self._upscaled_image(pixels.to_unit(2 * decoded - 1)))
        self.sampler = self.new_sampler()
        noise = start = self.rng.next()
        noise = self.before_sampling(start, noise, conditioning, unconditional_conditioning)
        samples = self.sampler.sample(self, noise, conditioning, unconditional_conditioning)
        if not self.enable_hr or state.interrupted:
            return samples
        if self.latent_scale_mode:
            return self._sample_hires(self._upscaled_latent(samples))
        decoded = torch.stack(decode_latent_batch(self.sd_model, samples)).float()
        return self._sample_hires(self._upscaled_image(pixels.to_unit(decoded)))

    def _upscaled_latent(self, samples: Tensor) -> Tensor:
        return hires.upscale_latent(samples, self.hr_size.width, self.hr_size.height, **self.latent_scale_mode)

    def _upscaled_image(self, decoded: Tensor) -> Tensor:
        """Upscale [B, 3, H, W], 0..1, with the chosen upscaler and encode it again."""
        upscaled = [pixels.to_array(images.resize_image(0, pixels.to_image_floor(one), self.hr_size.width, self.hr_size.height,
                                                        upscaler_name=self.hr_upscaler)) for one in decoded]
        batch = torch.stack([torch.from_numpy(one) for one in upscaled]).contiguous().to(devices.device)
        return images_tensor_to_samples(batch, self.sd_model, self.seeds)

    def _sample_hires(self, samples: Tensor) -> Any:
        """Sample again from upscaled latents [B, 4, h, w]; returns decoded images, -1..1.

        As on Forge, process_before_every_sampling runs twice: before and after the first pass's patches are dropped.
        """
        self.is_hr_pass = True
        self.sampler = self.new_sampler(self.hr_sampler_name)
        state.nextjob()
        samples = hires.crop_latent(samples, self.hr_size.crop_x, self.hr_size.crop_y)
        self.rng = self.rng.resized(samples.shape[1:])
        noise = self.rng.next()
        if self.disable_extra_networks is False:
            extra_networks.activate(p=self, extra_network_data=self.hr_extra_network_data)
        self._setup_hires_conds()
        if self.scripts is not None:
            self.scripts.before_hr(self)
        self.call_before_sampling(samples, noise, self.hr_c, self.hr_uc)
        noise = self.before_sampling(samples, noise, self.hr_c, self.hr_uc)
        result = self.sampler.sample_img2img(self, samples, noise, self.hr_c, self.hr_uc,
                                             steps=self.hr_second_pass_steps or self.steps)
        self.sampler, self.is_hr_pass = None, False
        return decode_latent_batch(self.sd_model, result)

    def close(self) -> None:
        super().close()
        self.hr_c = self.hr_uc = None


def _given(key: str, value: Any) -> dict[str, Any]:
    return {} if value is None else {key: value}


def _other(text: str, first: str) -> str | None:
    """Return the hires pass's text where it is not the first pass's."""
    return text if text != first else None
