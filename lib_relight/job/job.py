"""One job from the host's first hook to its last: an IC-Light pass, an IP-Adapter pass, or both."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path

from PIL import Image
from torch import Tensor

from ..hosts.results import Added
from ..hosts.types import Host, Processing
from ..hosts.webui import MERGING, is_marked, mark
from ..request.infotext import MARKER
from ..request.request import RelightRequest
from . import image_set, nested
from .frame import Frames, frames_of
from .iclight_pass import IcLightPass
from .image_set import first_image
from .ip_adapter_pass import IpAdapterPass
from .passes import Pass, Sampling

Folders = Callable[[str], list[Path]]
BLACK_INPAINT_MASK = ("The inpaint mask is black everywhere, so nothing of the img2img image is changed; paint white where it "
                      "should be relit.")


class RelightJob:
    """Built in before_process; the methods follow the hooks in their order."""

    def __init__(self, host: Host, p: Processing, request: RelightRequest, folders: Folders):
        self.host, self.request = host, request
        self.frames = Frames()
        self.sampled_size = p.width, p.height
        self.finished = 0
        self.passes: list[Pass] = []
        self.infotext_keys: dict[str, None] = {}
        self.lights = 1
        iclight = None
        if request.iclight is not None:
            iclight = IcLightPass(host, p, request.iclight, request.images, folders("iclight"))
            self.passes.append(iclight)
            self.lights = len(iclight.lights)
        if request.units:
            self.passes.append(IpAdapterPass(host, p, request.units, folders, iclight))

    def prepare(self, p: Processing) -> None:
        """process: arrange the images of a set, cut out subjects, encode images, write the infotext."""
        if self.lights > 1:
            image_set.arrange(self.host, p, self.lights)
            nested.enter(self.host, p)
        for part in self.passes:
            part.prepare(p)
        self.write_infotext(p)
        self.host.progress(None)

    def write_infotext(self, p: Processing) -> None:
        """Write the pairs of the running batch's images; hosts take the entry of a list by the image's place in the batch."""
        first = first_image(p)
        pairs = [self.infotext(image) for image in range(first, first + (p.batch_size if self.lights > 1 else 1))]
        self.infotext_keys.update({key: None for one in pairs for key in one})
        for key in self.infotext_keys:
            values = [one.get(key) for one in pairs]
            p.extra_generation_params[key] = values if len(set(values)) > 1 else values[0]

    def infotext(self, image: int) -> dict[str, str]:
        pairs = {key: value for part in self.passes for key, value in part.infotext(image).items()}
        return {**pairs, MARKER: "; ".join(part.report(image) for part in self.passes)}

    def apply(self, p: Processing, x: Tensor, noise: Tensor) -> None:
        """process_before_every_sampling: commit one patched clone per pass, even if the host calls the hook twice."""
        is_hr_pass = bool(getattr(p, "is_hr_pass", False))
        unet = self.host.unet(p)
        working = [part for part in self.passes if part.works_in(is_hr_pass)]
        if not working or is_marked(unet):
            return
        self.frames = frames_of(self.host, p)
        unet = unet.clone()
        starts_late = is_hr_pass or self.host.is_img2img(p)
        sampling = Sampling(unet, x, noise, self.frames, is_hr_pass, starts_late, first_image(p))
        self.sampled_size = sampling.size
        self.host.follow_tiles(unet)
        for part in working:
            part.apply(p, sampling)
        if (inpainted := getattr(p, "nmask", None)) is not None and not inpainted.any():
            self.host.notify(p, BLACK_INPAINT_MASK)
        mark(unet)
        self.host.commit(p, unet)
        self.host.guard_sampler(p)
        self.host.progress(MERGING)
        self.write_infotext(p)

    def finish(self, p: Processing, image: Image.Image, index: int | None) -> Image.Image:
        """postprocess_image. index: the image's number in the job, None on hosts that do not give it."""
        if index is None:
            index, self.finished = self.finished, self.finished + 1
        index %= max(p.batch_size, 1)
        for part in self.passes:
            image = part.finish(image, index, self.frames[index])
        return image

    def added_images(self, p: Processing, images: Sequence[Image.Image], count: int) -> list[Added]:
        """Return what to add to the result: what a set gives, and on request images of what was done.

        images: the result without its grid.  count: how many of them are the job's own; hosts may put masks behind each. The last
        batch of an interrupted job may be unfinished.
        """
        each = len(images) // count
        relit = images[:each * count:each] if each else []
        if self.host.interrupted():
            relit = relit[:-p.batch_size]
        added = [one for part in self.passes for one in part.products(relit, self.frames, self.request.extras)]
        if self.request.extras:
            size = self.sampled_size if self.frames.first.is_part else images[0].size
            added += [one for part in self.passes for one in part.extras(size, self.frames)]
        return added
