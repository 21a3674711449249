"""One job, from the host's first hook to its last: light, image prompts, or both. State lives on `p`, never on the script."""

from __future__ import annotations

import torch
from PIL import Image

from ..hosts.base import MERGING, is_marked, mark
from ..request.infotext import MARKER
from ..request.request import RelightRequest
from .iclight_pass import Lighting
from .ip_adapter_pass import ImagePrompts


class RelightJob:
    """Built in before_process; the methods follow the hooks in their order."""

    def __init__(self, host, p, request: RelightRequest, is_img2img: bool, folders):
        self.host, self.finished, self.wants_extras = host, 0, request.extras
        self.lighting = self.prompts = None
        if request.iclight is not None:
            self.lighting = Lighting(host, p, request.iclight, request.images, is_img2img, folders("iclight"))
        if request.units:
            self.prompts = ImagePrompts(host, request.units, folders, is_img2img)
        self.parts = [part for part in (self.lighting, self.prompts) if part is not None]

    def prepare(self, p) -> None:
        """process: the checkpoint is known; subjects are cut out, pictures encoded, the infotext begun."""
        if self.lighting:
            self.lighting.prepare(p)
        if self.prompts:
            self.prompts.prepare(p, self.lighting)
        for part in self.parts:
            p.extra_generation_params.update(part.infotext())
        self.write_proof(p)
        self.host.progress(None)

    def write_proof(self, p) -> None:
        p.extra_generation_params[MARKER] = "; ".join(str(part.proof) for part in self.parts)

    def apply(self, p, x: torch.Tensor, noise: torch.Tensor) -> None:
        """process_before_every_sampling: a clone of the UNet with everything of this pass, once however often it is called."""
        is_hr_pass = bool(getattr(p, "is_hr_pass", False))
        if self.lighting:
            self.lighting.start(p)
        unet = self.host.unet(p)
        working = [part for part in self.parts if part.works_in(is_hr_pass)]
        if not working or is_marked(unet):
            return
        unet = unet.clone()
        for part in working:
            part.apply(p, unet, x, noise, is_hr_pass)
        mark(unet)
        self.host.commit(p, unet)
        self.host.progress(MERGING)
        self.write_proof(p)

    def finish(self, p, image: Image.Image, index: int | None) -> Image.Image:
        """postprocess_image. index: the picture's number in the job, None on hosts that do not say it."""
        if index is None:
            index, self.finished = self.finished, self.finished + 1
        return self.lighting.finish(image, index % max(p.batch_size, 1)) if self.lighting else image

    def extras(self, size: tuple[int, int]) -> list[tuple[str, Image.Image]]:
        """Named pictures that show what was done."""
        return [named for part in self.parts for named in part.extras(size)] if self.wants_extras else []
