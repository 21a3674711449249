"""What txt2img and img2img jobs have in common. Field names are the keys of the API's payload.

Needed by: modules/processing.py; lib_relight/hosts/types.py lists what the extension reads.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from modules import extra_networks, shared
from modules.sd_samplers import create_sampler
from modules.shared import opts
from torch import Tensor

from sd_relight.embedded_host.errors import HostError


class JobState:
    """What the job loop sets on `p`. Class attributes, so that they are no fields of the request."""

    scripts: Any = None
    script_args: Sequence[Any] = ()
    scripts_setup_complete: bool = False
    is_api: bool = False
    is_hr_pass: bool = False
    sampler: Any = None
    rng: Any = None
    c: Any = None
    uc: Any = None
    iteration: int = 0
    batch_index: int = 0
    modified_noise: Any = None
    color_corrections: Any = None
    paste_to: Any = None
    sampler_noise_scheduler_override: Any = None
    sd_model_name: Any = None
    sd_model_hash: Any = None


@dataclass(repr=False)
class StableDiffusionProcessing(JobState):
    """One job, `p` in every hook. Lists all_* have an entry for each image of the job, prompts and seeds for the batch."""

    sd_model: object = None
    outpath_samples: str = None
    outpath_grids: str = None
    prompt: str = ""
    prompt_for_display: str = None
    negative_prompt: str = ""
    styles: list = None
    seed: int = -1
    subseed: int = -1
    subseed_strength: float = 0
    seed_resize_from_h: int = -1
    seed_resize_from_w: int = -1
    seed_enable_extras: bool = True
    sampler_name: str = None
    scheduler: str = None
    batch_size: int = 1
    n_iter: int = 1
    steps: int = 50
    cfg_scale: float = 7.0
    distilled_cfg_scale: float = 3.5
    width: int = 512
    height: int = 512
    restore_faces: bool = None
    tiling: bool = None
    do_not_save_samples: bool = False
    do_not_save_grid: bool = False
    extra_generation_params: dict = None
    overlay_images: list = None
    eta: float = None
    do_not_reload_embeddings: bool = False
    denoising_strength: float = None
    ddim_discretize: str = None
    s_min_uncond: float = None
    s_churn: float = None
    s_tmax: float = None
    s_tmin: float = None
    s_noise: float = None
    override_settings: dict = None
    override_settings_restore_afterwards: bool = True
    sampler_index: str = None
    refiner_checkpoint: str = None
    refiner_switch_at: float = None
    disable_extra_networks: bool = False
    firstpass_image: object = None
    comments: dict = None

    enable_hr = False

    def __post_init__(self):
        self.sd_model = self.sd_model or shared.sd_model
        for name in ("extra_generation_params", "override_settings"):
            setattr(self, name, getattr(self, name) or {})
        self.styles, self.comments = self.styles or [], {}
        self.extra_result_images: list = []
        if self.seed_enable_extras is False:
            self.subseed, self.subseed_strength, self.seed_resize_from_h, self.seed_resize_from_w = -1, 0, 0, 0

    def __setattr__(self, name: str, value: Any) -> None:
        """Call the scripts' `setup` once, as soon as `scripts` and `script_args` are both there."""
        object.__setattr__(self, name, value)
        runner = self.scripts if name in ("scripts", "script_args") and self.script_args else None
        if runner and not self.scripts_setup_complete:
            vars(self)["scripts_setup_complete"] = True
            runner.setup_scrips(self, is_ui=not self.is_api)

    def comment(self, text: str) -> None:
        """Add a message for the user, displayed below the image; it is not part of the API's answer."""
        self.comments[text] = 1

    def batch(self, values: Sequence[Any], number: int | None = None) -> list[Any]:
        """Return the entries of a list over all images that belong to a batch, by default the running one."""
        start = (self.iteration if number is None else number) * self.batch_size
        return values[start:start + self.batch_size]

    def setup_prompts(self) -> None:
        """Fill all_prompts and all_negative_prompts; a list of prompts sets the number of images. Raises HostError."""
        texts = self.prompt, self.negative_prompt
        count = next((len(text) for text in texts if isinstance(text, list)), self.batch_size * self.n_iter)
        self.all_prompts, self.all_negative_prompts = positive, negative = [per_image(text, count) for text in texts]
        if len(positive) != len(negative):
            raise HostError(f"{len(positive)} prompts and {len(negative)} negative prompts: send as many of the one as of the "
                               "other, or one text.")
        self.main_prompt, self.main_negative_prompt = positive[0], negative[0]

    def take_networks(self) -> None:
        """Take the networks, such as <lora:name:1>, out of this batch's prompts."""
        cleaned, self.extra_network_data = extra_networks.parse_prompts(self.prompts)
        self.prompts = cleaned

    def setup_conds(self) -> None:
        """Encode this batch's prompts; at CFG scale 1 there is no negative condition."""
        self.c, self.uc = self.encode_prompts(self.prompts, self.negative_prompts, self.cfg_scale)

    def encode_prompts(self, prompts: Sequence[str], negative: Sequence[str], scale: float) -> tuple[Tensor, Tensor | None]:
        encode = shared.sd_model.get_learned_conditioning
        uncond = encode(negative) if scale != 1 else None
        return encode(prompts), uncond

    def init(self, all_prompts: list[str], all_seeds: list[int], all_subseeds: list[int]) -> None:
        """Prepare what all batches share."""

    def sample(self, conditioning: Tensor, unconditional_conditioning: Tensor | None, seeds: list[int], subseeds: list[int],
               subseed_strength: float, prompts: list[str]) -> Tensor:
        """Return this batch's latents [B, 4, h, w], or a list of decoded images with `already_decoded` set."""
        raise NotImplementedError

    def before_sampling(self, x: Tensor, noise: Tensor, cond: Tensor, uncond: Tensor | None) -> Tensor:
        """Reset the UNet, let the scripts patch it and return the noise, or what a script set in its place."""
        self.sd_model.reset_parts()
        self.call_before_sampling(x, noise, cond, uncond)
        replacement, self.modified_noise = self.modified_noise, None
        return noise if replacement is None else replacement

    def call_before_sampling(self, x: Tensor, noise: Tensor, cond: Tensor, uncond: Tensor | None) -> None:
        if self.scripts is not None:
            self.scripts.process_before_every_sampling(self, x=x, noise=noise, c=cond, uc=uncond)

    def min_sigma_of_uncond(self) -> float:
        """Return the sigma below which every other step leaves out the unconditional rows."""
        return self.s_min_uncond if self.s_min_uncond is not None else opts.s_min_uncond

    def new_sampler(self, name: str | None = None) -> Any:
        """Return a sampler for one pass; name: another one than the job's."""
        return create_sampler(name or self.sampler_name, self.sd_model)

    def close(self) -> None:
        """Release the tensors of the job."""
        self.sampler = self.c = self.uc = None


def per_image(text: str | list[str], count: int) -> list[str]:
    """Return a text for each image; a list as it is."""
    return text if isinstance(text, list) else [text] * count
