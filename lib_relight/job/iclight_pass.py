"""Applies IC-Light to one job: weight offsets, c_concat condition, init latent, post-processing."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import replace
from functools import partial
from pathlib import Path

import numpy as np
import torch
from PIL import Image

from ...lib_iclight import conditioning, detail, foreground, light_map
from ...lib_iclight.errors import IcLightError
from ...lib_iclight.light_sets import expand_set, neighbours
from ...lib_iclight.params import IcLightParams
from ...lib_iclight.shadow import darken, shadow_alpha
from ..checks import iclight_checks
from ..checks.messages import no_step
from ..hosts.results import Added
from ..hosts.types import Host, Processing, UnetPatcher
from ..hosts.webui import job_progress
from ..matting import matting
from ..models import iclight_files, offsets
from ..request import infotext
from ..request.images import ImageDecoder
from ..request.request import IcLightImages
from . import hand_over, set_products, subject as images_of
from .copied_light import with_copied_light
from .frame import Frame, Frames, part_of
from .passes import Sampling
from .subject import Subject


class IcLightPass:
    """The IC-Light half of a job; see passes.Pass.

    requested: the parameters with their set.  lights: those of each image, which differ in their light fields; params: the
    first of them.
    """

    def __init__(self, host: Host, p: Processing, params: IcLightParams, images: IcLightImages, folders: Iterable[Path]):
        self.progress = job_progress(host)
        self.is_img2img = host.is_img2img(p)
        if iclight_checks.is_fixed(params, images, self.is_img2img, part_of(p) if self.is_img2img and p.init_images else None):
            params = replace(params, place=None)
        self.requested = with_copied_light(params, images.light_from, self.progress)
        self.host, self.lights, self.images = host, expand_set(self.requested), images
        self.params = self.lights[0]
        self.path, self.info = iclight_files.resolve(params.model, images.background is not None, folders)
        self.subjects: list[Subject] = []
        self.subject_latents: dict[tuple[int, Frame, tuple[int, int]], torch.Tensor] = {}
        self.init_latent: torch.Tensor | None = None
        self.rewritten: torch.Tensor | None = None
        self.applied = infotext.IcLightReport(self.info.kind)
        self.is_inpainted = getattr(p, "image_mask", None) is not None
        self.first_image = 0

    @property
    def rewrites_start(self) -> bool:
        return iclight_checks.rewrites_start(self.info.kind, self.params, self.images)

    @property
    def samples_shadow(self) -> bool:
        """Return whether the model gets the shadow on its background; otherwise it falls on the finished image."""
        return self.info.kind == "fbc" and self.images.background is not None and not self.params.keep_background

    @property
    def moves_init(self) -> bool:
        """Return whether img2img starts from the moved subject on its background: the init image has it elsewhere."""
        own_init = self.is_img2img and self.images.foreground is None
        return own_init and not self.rewrites_start and self.subject(0).placement is not None

    def prepare(self, p: Processing) -> None:
        family = self.host.family(p)
        if family is not None:
            iclight_checks.check_checkpoint(family, self.host.in_channels(p) if family == "sd15" else 0)
        init_images = None
        if self.is_img2img and self.images.foreground is None:
            decoder = ImageDecoder()
            init_images = [decoder.decode(image, "the img2img image") for image in p.init_images]
        self.subjects = images_of.cut_out_all(self.params, self.images, init_images, self.progress)
        p.color_corrections = []  # not None: the host then prepares no match with the colours before relighting

    def report(self, image: int) -> str:
        names = " + ".join(light.light for light in light_map.all_lights(self.params_of(image)))
        text = self.applied.text(names or "none")
        if not neighbours(self.requested, 0) or not self.requested.set_blend:
            return text
        return f"{text}, set_blend {self.requested.set_blend:g} with the neighbouring frames"

    def infotext(self, image: int) -> dict[str, str]:
        pairs = infotext.to_infotext(self.params_of(image), self.images)
        model = matting.model_used(self.params.matting, self.subjects[0].image, self.images.mask)
        return {**pairs, infotext.key_of("matting_model"): model} if model and self.params.matting == "auto" else pairs

    def params_of(self, image: int) -> IcLightParams:
        """Return the parameters of an image of the job, counted from 0."""
        return self.lights[image % len(self.lights)]

    def works_in(self, is_hr_pass: bool) -> bool:
        return self.params.hr_option in ("both", "high" if is_hr_pass else "low")

    def apply(self, p: Processing, sampling: Sampling) -> None:
        if self.is_img2img and self.rewrites_start and self.params.compensate_steps and p.denoising_strength > 0:
            self.applied.steps = self.host.run_all_steps(p)
        if not self.host.executed_sigmas(p, sampling.starts_late):
            self.host.notify(p, no_step(p.denoising_strength if sampling.starts_late else None, p.steps))
            return
        self.add_weights(sampling.unet)
        self.first_image = sampling.first_image
        rows = [self.condition(p, index, sampling) for index in range(sampling.batch)]
        self.host.set_concat(sampling.unet, torch.cat(rows).to(sampling.x.device))
        if (self.rewrites_start or self.moves_init) and not sampling.is_hr_pass:
            self.rewrite_start(p, sampling)
        self.applied.sizes["x".join(str(side // 8) for side in sampling.size)] = None

    def add_weights(self, unet: UnetPatcher) -> None:
        loaded = offsets.load(self.path, self.info.kind, self.progress)
        accepted = self.host.add_weight_deltas(unet, loaded.deltas, loaded.identity)
        self.applied.accepted, self.applied.offered = accepted, len(loaded.deltas)
        if accepted != len(loaded.deltas):
            raise IcLightError(f"{len(loaded.deltas) - accepted} of {len(loaded.deltas)} weights of {self.path.name} do not fit "
                               "this checkpoint; IC-Light needs an SD 1.5 checkpoint.")

    def subject(self, index: int) -> Subject:
        return self.subjects[index % len(self.subjects)]

    def encode(self, p: Processing, image: np.ndarray, what: str) -> torch.Tensor:
        return images_of.encode(self.host, p, image, self.progress, what)

    def condition(self, p: Processing, index: int, sampling: Sampling) -> torch.Tensor:
        """Encode the c_concat condition: [1, 4, h, w] for fc, [1, 8, h, w] for fbc (foreground, background)."""
        frame, size = sampling.frames[index], sampling.size
        key = index % len(self.subjects), frame, size
        if key not in self.subject_latents:
            self.subject_latents[key] = self.encode(p, self.subject(index).on_grey(frame, *size), "the subject")
        background = None
        if self.info.kind == "fbc":
            background = self.blended(sampling.first_image + index, lambda params: self.encode(
                p, self.background(params, index, frame, size), "the background"))
        return conditioning.concat_condition(self.subject_latents[key], background, self.params.condition_scale)

    def background(self, params: IcLightParams, index: int, frame: Frame, size: tuple[int, int]) -> np.ndarray:
        """Return fbc's background, uint8 [height, width, 3], with the subject's shadow on a background of the user's own."""
        image = images_of.background(params, self.images, frame, *size, self.subject(index))
        return darken(image, self.shadow(params, index, frame, size)) if params.shadow and self.samples_shadow else image

    def shadow(self, params: IcLightParams, index: int, frame: Frame, size: tuple[int, int]) -> np.ndarray:
        """Return the opacity of the subject's shadow, uint8 [height, width]; none on a tile, which is not the whole subject."""
        alpha = self.subject(index).matte_at(frame, *size)
        if alpha is None or frame.tile is not None:
            return np.zeros(size[::-1], np.uint8)
        return shadow_alpha(alpha, light_map.all_lights(params), params.shadow, params.shadow_softness)

    def start_latent(self, p: Processing, index: int, sampling: Sampling) -> torch.Tensor:
        """Encode the light map with the subject pasted on it by its matte times `reinforce`: [1, 4, h, w].

        Where `moves_init`, the background with the subject on it.
        """
        frame, size, subject = sampling.frames[index], sampling.size, self.subject(index)

        def latent(params: IcLightParams) -> torch.Tensor:
            if self.moves_init:
                behind = self.background(params, index, frame, size)
                return self.encode(p, foreground.blend(behind, *subject.at(frame, *size)), "the moved subject")
            image = images_of.light_map(params, self.images, "fc", frame, *size, subject=subject)
            if params.reinforce > 0:
                image = foreground.reinforce(image, *subject.at(frame, *size), params.reinforce)
            return self.encode(p, image, "the light")

        return self.blended(sampling.first_image + index, latent)

    def blended(self, image: int, latent: Callable[[IcLightParams], torch.Tensor]) -> torch.Tensor:
        """Return an image's latent; in a sweep mixed with the mean of the neighbouring frames' latents, `set_blend` of it."""
        own, near = latent(self.params_of(image)), neighbours(self.requested, image % len(self.lights))
        if not near or not self.requested.set_blend:
            return own
        mean = torch.stack([latent(self.lights[neighbour]) for neighbour in near]).mean(dim=0)
        return torch.lerp(own, mean, self.requested.set_blend)

    def rewrite_start(self, p: Processing, sampling: Sampling) -> None:
        """Put the light, or the moved subject, into the start of sampling; the same for every batch of a batch count."""
        start = torch.cat([self.start_latent(p, index, sampling) for index in range(sampling.batch)]).to(sampling.x)
        if not self.is_img2img:
            self.host.set_start_latent(p, sampling.noise, start)
            return
        if p.init_latent is not self.rewritten:
            self.init_latent = p.init_latent
        self.rewritten = p.init_latent = conditioning.masked_init(self.init_latent, start, getattr(p, "nmask", None))

    def finish(self, image: Image.Image, index: int, frame: Frame) -> Image.Image:
        params = self.params_of(self.first_image + index)
        casts = params.shadow > 0 and not self.samples_shadow
        if not (params.detail or params.color_hold or params.keep_background or casts):
            return image
        relit = np.asarray(image.convert("RGB"))
        original, alpha = self.subject(index).at(frame, image.width, image.height)
        if params.color_hold:
            relit = detail.hold_color(relit, original, alpha, params.color_hold)
        if params.detail:
            relit = detail.restore_detail(relit, original, alpha, params.detail_sigma, params.detail)
        background = self.kept_background(index, frame, original, relit) if params.keep_background else relit
        if casts:
            background = darken(background, self.shadow(params, index, frame, image.size))
        return Image.fromarray(relit if background is relit else detail.keep_background(relit, background, alpha))

    def kept_background(self, index: int, frame: Frame, original: np.ndarray, relit: np.ndarray) -> np.ndarray:
        """Return the subject's own image, or, if `place` moves it away from there, the new background; relit without one."""
        if self.subject(index).placement is None:
            return original
        if self.images.background is None:
            return relit
        return images_of.background(self.params, self.images, frame, original.shape[1], original.shape[0])

    def extras(self, size: tuple[int, int], frames: Frames) -> list[Added]:
        """Return each subject's condition and matte, and each light's map or background."""
        named = []
        for index, subject in enumerate(self.subjects):
            named.append(("foreground", subject.on_grey(frames[index], *size)))
            if subject.alpha is not None:
                named.append(("matte", np.round(subject.at(frames[index], *size)[1] * 255).astype(np.uint8)))
        for params in self.lights:
            if self.info.kind == "fbc" and (params is self.params or self.images.background is None):
                named.append(("background", self.background(params, 0, frames.first, size)))
            if self.rewrites_start:
                named.append(("light map", images_of.light_map(params, self.images, "fc", frames.first, *size,
                                                               subject=self.subject(0))))
        return [Added(name, Image.fromarray(array)) for name, array in named]

    def products(self, images: Sequence[Image.Image], frames: Frames, extras: bool) -> list[Added]:
        """Return what each whole set among the job's images gives, and what each image is handed over in."""
        added = []
        for group in zip(*[iter(images)] * len(self.lights)):
            text = infotext.with_set(group[0].info.get("parameters", ""), self.requested, self.params)
            original, matte = (None, None) if frames.first.is_part else self.subject(0).at(frames.first, *group[0].size)
            beside = getattr(group[0], "already_saved_as", None)
            added += [replace(one, beside=beside)
                      for one in set_products.products(self.requested, self.lights, group, text, original, matte)]
            if extras and self.requested.set == "normals":
                added += set_products.ratio_images(group)
        return added + [one for index, image in enumerate(images) for one in self.handed_over(index, image, frames)]

    def handed_over(self, index: int, image: Image.Image, frames: Frames) -> list[Added]:
        """Return the files of an image of the job; none of a tile of SD upscale."""
        frame, params, subject = frames[index].finished, self.params_of(index), self.subject(index)
        if frame.tile is not None or params.output == "result":
            return []
        shadow = None
        if params.shadow and not (self.samples_shadow or self.is_inpainted):
            shadow = self.shadow(params, index, frame, image.size)
        light = None
        if light_map.has_light(params) and not frames[index].is_part:
            kind, (width, height) = "fc" if self.rewrites_start else "fbc", image.size
            light = partial(images_of.light_map, params, self.images, kind, frame, width, height, self.progress, subject,
                            light_map.render_linear)
        return hand_over.files(params, hand_over.Result(image, subject.matte_at(frame, *image.size), shadow, light))
