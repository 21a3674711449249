"""The Script class and the arguments of its hooks. Needed by scripts/relight.py and every other script, through `scripts`."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

AlwaysVisible = object()

HOOKS = ("setup", "before_process", "process", "before_process_init_images", "before_process_batch",
         "after_extra_networks_activate", "process_batch", "process_before_every_sampling", "before_hr", "on_mask_blend",
         "post_sample", "postprocess_batch", "postprocess_batch_list", "postprocess_image", "postprocess_maskoverlay",
         "postprocess_image_after_composite", "postprocess")


@dataclass(eq=False)
class MaskBlendArgs:
    """Latents of one inpaint blend. The blend after sampling is the final one and has no denoiser."""

    current_latent: Any
    nmask: Any
    init_latent: Any
    mask: Any
    blended_latent: Any
    denoiser: Any = None
    sigma: Any = None

    @property
    def is_final_blend(self) -> bool:
        return self.denoiser is None


@dataclass(eq=False)
class PostSampleArgs:
    """Latents after sampling; a script may replace them."""

    samples: Any


@dataclass(eq=False)
class PostprocessImageArgs:
    """One decoded image and its number in the batch; a script may replace the image."""

    image: Any
    index: int


@dataclass(eq=False)
class PostProcessMaskOverlayArgs:
    """The mask and the original that are laid over an inpainted image."""

    index: int
    mask_for_overlay: Any
    overlay_image: Any


@dataclass(eq=False)
class PostprocessBatchListArgs:
    """The images of a batch as tensors, in a list that a script may change."""

    images: list


class Script:
    """One script of an extension. Each tab has one object, which lives as long as the page; job state belongs on `p`.

    Subclasses override the hooks of HOOKS, each called as hook(p, ..., *component values).
    """

    filename: str = ""
    name: str | None = None
    section: str | None = None
    group: Any = None
    args_from: int | None = None
    args_to: int | None = None
    controls: Sequence[Any] | None = None
    infotext_fields: list | None = None
    paste_field_names: list | None = None
    alwayson = is_txt2img = is_img2img = False
    create_group = True
    sorting_priority = 0

    def title(self) -> str:
        raise NotImplementedError

    def ui(self, is_img2img: bool) -> Sequence[Any] | None:
        """Create the gradio components and return those whose values the hooks receive."""

    def show(self, is_img2img: bool) -> object:
        """Return False (not in this tab), True (in the scripts dropdown) or AlwaysVisible."""
        return True

    def run(self, p: Any, *args: Any) -> Any:
        """Run the job of a script chosen in the dropdown. Returns Processed, or None for a plain job."""

    def before_component(self, component: Any, **kwargs: Any) -> None:
        """Called before each component of the page is created."""

    def after_component(self, component: Any, **kwargs: Any) -> None:
        """Called after each component of the page was created."""

    def elem_id(self, item_id: str) -> str:
        """Return `script_<tab>_<title>_<item>`, without the tab for a script that is in one tab only."""
        words = re.sub(r"\s", "_", self.title().lower())
        parts = ["script", re.sub("[^a-z_0-9]", "", words), item_id]
        if self.show(True) == self.show(False):
            parts.insert(1, "img2img" if self.is_img2img else "txt2img")
        return "_".join(parts)


def _no_hook(self: Script, p: Any, *args: Any, **kwargs: Any) -> None:
    """A hook that a script does not define."""


for _name in HOOKS:
    setattr(Script, _name, _no_hook)
