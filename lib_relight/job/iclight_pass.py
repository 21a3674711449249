"""The IC-Light half of a job: weights, condition, the start of sampling, repairs on the finished picture."""

from __future__ import annotations

import numpy as np
import torch
from PIL import Image

from ...lib_iclight import conditioning, detail, foreground, lights
from ...lib_iclight.errors import IcLightError
from ...lib_iclight.params import IcLightParams
from ..base.errors import RelightError
from ..checks import iclight_checks
from ..hosts.base import job_steps
from ..models import iclight_files, offsets
from ..request import infotext
from ..request.images import ImageDecoder
from ..request.request import IcLightImages
from . import subject as pictures
from .subject import Frame, Subject


class Lighting:
    """Built in before_process; the methods follow the hooks in their order."""

    def __init__(self, host, p, params: IcLightParams, images: IcLightImages, is_img2img: bool, folders):
        self.host, self.params, self.images, self.is_img2img = host, params, images, is_img2img
        self.path, self.info = iclight_files.resolve(self.params.model, self.images.background is not None, folders)
        self.steps = job_steps(host)
        self.subjects: list[Subject] = []
        self.frame = Frame()
        self.own_init = is_img2img and self.images.foreground is None
        self.init_latent = self.rewritten = None
        self.proof = infotext.Proof(self.info.kind, " + ".join(light.light for light in lights.all_lights(params)) or "none")
        self.check_request(p)

    @property
    def rewrites_start(self) -> bool:
        return iclight_checks.rewrites_start(self.info.kind, self.params, self.images)

    def check_request(self, p) -> None:
        iclight_checks.check_kind(self.info.kind, self.params, self.images)
        if self.own_init and not getattr(p, "init_images", None):
            raise RelightError(iclight_checks.NO_PICTURE)
        iclight_checks.check_checkpoint_file(self.host.checkpoint_file(p))

    def prepare(self, p) -> None:
        """process: the checkpoint's family, the subjects cut out, what the infotext says."""
        family = self.host.family(p)
        if family is not None:
            iclight_checks.check_checkpoint(family, self.host.in_channels(p) if family == "sd15" else 0)
        decoder = ImageDecoder()
        init_images = [decoder.decode(image, "the img2img image") for image in p.init_images] if self.own_init else None
        self.subjects = pictures.cut_out_all(self.params, self.images, init_images, self.steps)
        if self.is_img2img and self.rewrites_start and p.denoising_strength < iclight_checks.WEAK_DENOISE:
            self.host.say(p, iclight_checks.weak_denoise(p.denoising_strength))
        p.color_corrections = []  # not None: the host then prepares no match with the colours before relighting

    def infotext(self) -> dict[str, str]:
        return infotext.to_infotext(self.params, self.images)

    def works_in(self, is_hr_pass: bool) -> bool:
        return self.params.hr_option in ("both", "high" if is_hr_pass else "low")

    def start(self, p) -> None:
        """What holds for every pass: where the init image lies, which is known after the host's init."""
        if self.own_init:
            self.frame = pictures.frame_of(p)

    def apply(self, p, unet, x: torch.Tensor, noise: torch.Tensor, is_hr_pass: bool) -> None:
        """unet: this pass's clone. x: the latent about to be sampled, [B, 4, h, w]; its size is the condition's."""
        width, height = x.shape[3] * 8, x.shape[2] * 8
        self.add_weights(unet)
        concat = torch.cat([self.condition(p, index, width, height) for index in range(x.shape[0])])
        self.host.set_concat(unet, concat.to(x.device))
        if self.rewrites_start and not is_hr_pass:
            self.rewrite_start(p, x, noise, width, height)
        self.proof.sizes[f"{x.shape[3]}x{x.shape[2]}"] = None

    def add_weights(self, unet) -> None:
        loaded = offsets.load(self.path, self.info.kind, self.steps)
        accepted = self.host.add_weight_deltas(unet, loaded.deltas, loaded.identity)
        self.proof.accepted, self.proof.offered = accepted, len(loaded.deltas)
        if accepted != len(loaded.deltas):
            raise IcLightError(f"{len(loaded.deltas) - accepted} of {len(loaded.deltas)} weights of {self.path.name} do not fit "
                               "this checkpoint; IC-Light needs an SD 1.5 checkpoint.")

    def subject(self, index: int) -> Subject:
        return self.subjects[index % len(self.subjects)]

    def condition(self, p, index: int, width: int, height: int) -> torch.Tensor:
        """[1, 4 or 8, h, w]: the subject on grey, for fbc followed by the background."""
        subject = pictures.encode(self.host, p, self.subject(index).on_grey(self.frame, width, height), self.steps, "the subject")
        background = None
        if self.info.kind == "fbc":
            picture = pictures.background_picture(self.params, self.images, width, height)
            background = pictures.encode(self.host, p, picture, self.steps, "the background")
        return conditioning.concat_condition(subject, background, self.params.condition_scale)

    def start_latent(self, p, index: int, width: int, height: int) -> torch.Tensor:
        """[1, 4, h, w]: the light map, with the subject pasted on it by its matte times `reinforce`."""
        picture = pictures.light_picture(self.params, self.images, "fc", width, height)
        if self.params.reinforce > 0:
            picture = foreground.reinforce(picture, *self.subject(index).at(self.frame, width, height), self.params.reinforce)
        return pictures.encode(self.host, p, picture, self.steps, "the light")

    def rewrite_start(self, p, x: torch.Tensor, noise: torch.Tensor, width: int, height: int) -> None:
        """The same result however often a batch count brings the same job here."""
        start = torch.cat([self.start_latent(p, index, width, height) for index in range(x.shape[0])]).to(x)
        if not self.is_img2img:
            self.host.set_start_latent(p, noise, start)
            return
        if p.init_latent is not self.rewritten:
            self.init_latent = p.init_latent
        self.rewritten = p.init_latent = conditioning.masked_init(self.init_latent, start, getattr(p, "nmask", None))
        if self.params.compensate_steps:
            self.proof.steps = self.host.run_all_steps(p)

    def finish(self, image: Image.Image, index: int) -> Image.Image:
        """What works on the finished picture. Returns it untouched where nothing is asked for."""
        params = self.params
        if not (params.detail or params.color_hold or params.keep_background):
            return image
        relit = np.asarray(image.convert("RGB"))
        original, alpha = self.subject(index).at(self.frame, image.width, image.height)
        if params.color_hold:
            relit = detail.hold_color(relit, original, alpha, params.color_hold)
        if params.detail:
            relit = detail.restore_detail(relit, original, alpha, params.detail_sigma, params.detail)
        if params.keep_background:
            relit = detail.keep_background(relit, original, alpha)
        return Image.fromarray(relit)

    def extras(self, size: tuple[int, int]) -> list[tuple[str, Image.Image]]:
        """Named pictures that show what was done: each subject's condition and matte, and the light map or background."""
        named = []
        for subject in self.subjects:
            named.append(("foreground", Image.fromarray(subject.on_grey(self.frame, *size))))
            if subject.alpha is not None:
                matte = np.round(subject.at(self.frame, *size)[1] * 255).astype(np.uint8)
                named.append(("matte", Image.fromarray(matte)))
        if self.info.kind == "fbc":
            named.append(("background", Image.fromarray(pictures.background_picture(self.params, self.images, *size))))
        if self.rewrites_start:
            named.append(("light map", Image.fromarray(pictures.light_picture(self.params, self.images, "fc", *size))))
        return named
