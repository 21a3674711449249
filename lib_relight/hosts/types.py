"""Types of the host's objects, and the interface of the host adapters."""

from __future__ import annotations

from collections.abc import Callable, MutableMapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol

import torch
from PIL import Image
from torch import Tensor

if TYPE_CHECKING:
    from ...lib_ipadapter.files.lora import LoraDelta

Attention = Callable[[Tensor, Tensor, Tensor, int], Tensor]
"""attention(q, k, v, heads): [rows, tokens, heads * dim] in and out."""


class Sampler(Protocol):
    """The host's sampler of one pass, `p.sampler`. k-diffusion ones have get_sigmas, the others get_timesteps."""

    sample: Callable[..., Tensor]
    sample_img2img: Callable[..., Tensor]


class Processing(Protocol):
    """The host's StableDiffusionProcessing, called `p` everywhere. Fields of img2img are missing in txt2img."""

    sd_model: Any
    sampler: Sampler
    steps: int
    width: int
    height: int
    batch_size: int
    n_iter: int
    batch_index: int
    cfg_scale: float
    denoising_strength: float
    is_api: bool
    extra_generation_params: MutableMapping[str, Any]
    color_corrections: list | None
    modified_noise: Tensor | None
    init_images: Sequence[Image.Image]
    init_latent: Tensor
    image_mask: Image.Image | None
    resize_mode: int

    def comment(self, text: str) -> None: ...


class UnetPatcher(Protocol):
    """The host's patcher of the UNet, or its substitute on A1111. A clone carries the patches of one pass."""

    model: torch.nn.Module
    model_options: dict

    def clone(self) -> UnetPatcher: ...


class Host(Protocol):
    """One family of WebUI."""

    name: str

    def is_img2img(self, p: Processing) -> bool: ...
    def unet(self, p: Processing) -> UnetPatcher: ...
    def commit(self, p: Processing, unet: UnetPatcher) -> None:
        """Have the next sampling pass use `unet`."""

    def family(self, p: Processing) -> str | None:
        """Return sd15, sd2, sdxl or another name; None while no checkpoint is loaded."""

    def in_channels(self, p: Processing) -> int: ...
    def checkpoint_file(self, p: Processing | None) -> Path | None: ...
    def vae_identity(self, p: Processing) -> str: ...
    def encode(self, p: Processing, pixels: Tensor, mode: bool = True) -> Tensor:
        """Encode float32 [B, 3, H, W], -1..1, to float32 [B, 4, H/8, W/8], scaled as the UNet reads it."""

    def add_weight_deltas(self, unet: UnetPatcher, deltas: dict[str, Tensor], identity: str) -> int:
        """Add offsets under LDM keys; identity names their content. Returns how many keys the UNet accepted."""

    def merged_weights(self) -> str:
        """Name the set of patches that is merged into the UNet at this moment."""

    def set_concat(self, unet: UnetPatcher, latent: Tensor) -> None:
        """Set the c_concat condition: float32 [B, 4n, h, w] of the sample's own batch and size."""

    def follow_tiles(self, unet: UnetPatcher) -> None:
        """Tell attention patches which tile they get where the host samples tile by tile. Called before the clone's other
        patches and before each step."""

    def device(self) -> torch.device: ...
    def block_layout(self, unet: UnetPatcher) -> tuple[int, int]:
        """Return (number of attn2 layers, width of the text tokens)."""

    def attention(self) -> Attention | None:
        """Return the host's attention function; None where the host runs it outside our patches."""

    def attn2_table(self, unet: UnetPatcher) -> dict:
        """Return block -> the callable that replaces attn2 there now."""

    def set_cross_attention(self, unet: UnetPatcher, block: tuple, patch: Callable) -> None: ...
    def add_lora(self, unet: UnetPatcher, deltas: Sequence[LoraDelta], strength: float, identity: str) -> int:
        """Return how many weights the UNet accepted it for."""

    def sigma_of(self, p: Processing, percent: float) -> float: ...
    def executed_sigmas(self, p: Processing, starts_late: bool) -> list[float]:
        """Return the sigmas of the steps that this pass really runs, descending, without the final 0."""

    def set_start_latent(self, p: Processing, noise: Tensor, latent: Tensor) -> None:
        """txt2img: start sampling from latent under noise, as img2img at denoise 1 does; both [B, 4, h, w]."""

    def crop_box(self, mask: Image.Image, padding: int, width: int, height: int) -> tuple[int, int, int, int] | None:
        """Return the box in a mask's pixels that inpaint only masked samples at width x height; None for a black mask."""

    def run_all_steps(self, p: Processing) -> tuple[int, int]:
        """img2img: make the sampler run all of p.steps. Returns (steps run, steps scheduled)."""

    def model_dirs(self, folder_kind: str) -> list[Path]:
        """Return the folders that may hold files of a kind, and files that lie in the models folder itself."""

    def job_fields(self) -> frozenset[str]:
        """Return the names of the fields of the host's txt2img and img2img requests."""

    def fail(self, p: Processing, error: Exception, message: str, during_sampling: bool = False) -> None:
        """Make the job itself fail with the message."""

    def guard_sampler(self, p: Processing) -> None:
        """Have the next sampling pass, the merge of weights included, reuse its buffers, and lack of memory fail the job."""

    def notify(self, p: Processing, message: str) -> None:
        """Report a remark about a job that goes on: in the page, on the console and in the infotext."""

    def progress(self, text: str | None) -> None:
        """Set the text of the host's progress bar; None clears it."""

    def began(self) -> float | None:
        """Return when the host began its running job, which may run others inside; None if it does not say."""

    def interrupted(self) -> bool:
        """Return whether the user has interrupted the running job."""
