"""What a job returns. Needed by: modules/processing.py, xyz_grid (which builds one), the API (`js`)."""

from __future__ import annotations

import json
from collections.abc import Iterable
from typing import Any

import numpy as np
from modules.processing_infotext import VERSION
from modules.shared import opts, state
from PIL import Image

COPIED = ("width", "height", "sampler_name", "cfg_scale", "steps", "batch_size", "subseed_strength", "restore_faces",
          "sd_model_name", "sd_model_hash", "seed_resize_from_w", "seed_resize_from_h", "denoising_strength",
          "extra_generation_params", "styles")
"""Fields of p that are part of the result."""
IN_JSON = ("prompt", "all_prompts", "negative_prompt", "all_negative_prompts", "seed", "all_seeds", "subseed", "all_subseeds",
           *COPIED, "face_restoration_model", "sd_vae_name", "sd_vae_hash", "index_of_first_image", "infotexts",
           "job_timestamp", "clip_skip", "is_using_inpainting_conditioning", "version")


class Processed:
    """Images (PIL) with their infotexts, and the parameters they were made with.

    index_of_first_image: 1 when a grid comes first. all_*: an entry for each image of the job.
    """

    version = VERSION
    face_restoration_model = sd_vae_name = sd_vae_hash = None
    is_using_inpainting_conditioning = False

    def __init__(self, p: Any, images_list: list[Image.Image], seed: int | list[int] = -1, info: str = "",
                 subseed: int | list[int] | None = None, all_prompts: list[str] | None = None,
                 all_negative_prompts: list[str] | None = None, all_seeds: list[int] | None = None,
                 all_subseeds: list[int] | None = None, index_of_first_image: int = 0, infotexts: list[str] | None = None,
                 comments: str = "", extra_images_list: Iterable[Any] = ()):
        vars(self).update({name: getattr(p, name, None) for name in COPIED})
        singles = {"prompt": p.prompt, "negative_prompt": p.negative_prompt, "seed": seed, "subseed": subseed}
        lists = (all_prompts, all_negative_prompts, all_seeds, all_subseeds)
        for (name, single), given in zip(singles.items(), lists):
            first = single[0] if isinstance(single, list) else single
            if name in ("seed", "subseed"):
                first = -1 if first is None else int(first)
            setattr(self, name, first)
            every = f"all_{name}s"
            setattr(self, every, given or getattr(p, every, None) or [first])
        self.images, self.extra_images, self.info = images_list, [*extra_images_list], info
        self.infotexts = infotexts or [info for _ in images_list]
        self.index_of_first_image, self.job_timestamp = index_of_first_image, state.job_timestamp
        self.clip_skip = int(opts.data["CLIP_stop_at_last_layers"])
        self.comments = comments or "".join(f"{text}\n" for text in p.comments)

    def js(self) -> str:
        """Return the generation info as JSON, as the API and the page send it."""
        values = {name: getattr(self, name) for name in IN_JSON}
        values |= {"prompt": self.all_prompts[0], "negative_prompt": self.all_negative_prompts[0]}
        return json.dumps(values, default=lambda value: None)


def process_extra_images(processed: Processed) -> None:
    """Leave only PIL images in processed.extra_images; arrays are converted, other things dropped."""
    images = (Image.fromarray(image) if isinstance(image, np.ndarray) else image for image in processed.extra_images)
    processed.extra_images = [image for image in images if isinstance(image, Image.Image)]
