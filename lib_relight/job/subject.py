"""Images of one IC-Light job at the sampled size: subjects, light map, background, and their latents."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
import torch

from ...lib_iclight import conditioning, foreground
from ...lib_iclight.light_map import has_depth, render_lights
from ...lib_iclight.matte_edges import adjust_matte
from ...lib_iclight.params import IcLightParams
from ...lib_iclight.placing import Place
from ...lib_iclight.surface import TOWARDS_VIEWER, Surface, decode_normals, surface_of
from ..base.caches import ContentCache, content_hash, counters, tensor_bytes
from ..base.errors import RelightError
from ..base.progress import SILENT, Progress
from ..checks.iclight_checks import NO_INIT_IMAGE
from ..hosts.types import Host, Processing
from ..matting import matting
from ..request.images import DecodedImage
from ..request.request import IcLightImages
from .frame import Frame, Placement

latents = ContentCache(256 * 2**20, tensor_bytes, lambda latent: [latent], group="images")


@dataclass(frozen=True)
class Subject:
    """image: with its own transparency.  alpha: the matte, float32 [H, W], 0..1, or None for the whole image.

    placement: where `place` puts it, None for where its image has it.
    """

    image: DecodedImage
    alpha: np.ndarray | None
    placement: Placement | None = None

    @property
    def composite(self) -> np.ndarray:
        """The subject on grey 127 at full resolution, uint8 [H, W, 3]."""
        return foreground.grey_composite(self.image.rgb, self.alpha)

    def at(self, frame: Frame, width: int, height: int) -> tuple[np.ndarray, np.ndarray | None]:
        """Return (rgb, alpha) at the sampled size."""
        rgb = self.image.resized(lambda array: frame.place(array, width, height, placement=self.placement)).rgb
        return rgb, self.matte_at(frame, width, height)

    def matte_at(self, frame: Frame, width: int, height: int) -> np.ndarray | None:
        """Return the matte at the sampled size."""
        return None if self.alpha is None else frame.place(self.alpha, width, height, fill=0, placement=self.placement)

    def on_grey(self, frame: Frame, width: int, height: int) -> np.ndarray:
        """Return the fc condition, uint8 [height, width, 3]: composited over 127 at full resolution, then placed."""
        fill = None if self.alpha is None else foreground.GREY
        return frame.place(self.composite, width, height, fill, self.placement)


def cut_out(image: DecodedImage, params: IcLightParams, images: IcLightImages, progress: Progress = SILENT) -> Subject:
    """Cut the subject out of an image and apply the edge tools. progress: may stop a matting model."""
    alpha = matting.choose(params.matting, image, images.mask, progress)
    if alpha is not None:
        alpha = adjust_matte(alpha, params.matte_threshold, params.matte_grow, params.matte_feather)
        if alpha.max() < matting.VISIBLE:
            raise RelightError(f"Nothing of the subject is left by `matte_threshold` {params.matte_threshold:g} and `matte_grow` "
                               f"{params.matte_grow:g}; lower the threshold, or shrink less.")
    return Subject(image, alpha, placement_of(params, alpha))


def placement_of(params: IcLightParams, alpha: np.ndarray | None) -> Placement | None:
    """Return the placement of a matte, whose box holds what is at least half as opaque as its most opaque pixel."""
    if not params.place or alpha is None:
        return None
    bounds = []
    for axis in (0, 1):
        along = alpha.max(axis)
        inside = np.flatnonzero(along >= along.max() / 2)
        bounds.append((inside[0] / len(along), (inside[-1] + 1) / len(along)))
    (left, right), (top, bottom) = bounds
    return Placement(Place(*params.place), (left, top, right, bottom))


def cut_out_all(params: IcLightParams, images: IcLightImages, init_images: Sequence[DecodedImage] | None,
                progress: Progress = SILENT) -> list[Subject]:
    """Return the job's subjects: `foreground`, or without one the img2img images. init_images: None in txt2img."""
    own_init = init_images is not None and images.foreground is None
    if own_init and not init_images:
        raise RelightError(NO_INIT_IMAGE)
    return [cut_out(image, params, images, progress) for image in (init_images if own_init else [images.foreground])]


def light_map(params: IcLightParams, images: IcLightImages, model_kind: str, frame: Frame, width: int,
              height: int, progress: Progress = SILENT, subject: Subject | None = None,
              render_map: Callable[..., np.ndarray] = render_lights) -> np.ndarray:
    """Return the light map of the sampled part, [height, width, 3]: uint8, or what render_map gives.

    model_kind: "fc" for an init latent, "fbc" for a background condition; each has its range.
    subject: what lights with an elevation shade; None for nothing.
    """

    def render(width: int, height: int) -> np.ndarray:
        custom, surface = None, None
        if images.light_map is not None:
            place = frame.place if frame.tile is None else foreground.fit
            custom = place(images.light_map.flattened().rgb, width, height)
        if subject is not None and has_depth(params):
            surface = surface_on(frame, subject, images.normal_map, width, height)
        return render_map(params, model_kind, width, height, custom, progress.check, surface)

    return frame.place_light(render, width, height)


def surface_on(frame: Frame, subject: Subject, normal_map: DecodedImage | None, width: int, height: int) -> Surface | None:
    """Return the subject's surface on the width x height pixels of a light map; None for a subject without a shape.

    normal_map: of the subject's image, before `place` moves them both.
    """
    matte = None if subject.alpha is None else frame.on_light(subject.alpha, width, height, fill=0, placement=subject.placement)
    if normal_map is None:
        return surface_of(matte, None)
    flat = normal_map.flattened(TOWARDS_VIEWER).rgb
    return surface_of(matte, decode_normals(frame.on_light(flat, width, height, placement=subject.placement)))


def background(params: IcLightParams, images: IcLightImages, frame: Frame, width: int, height: int,
               subject: Subject | None = None) -> np.ndarray:
    """Return the fbc background, uint8 [height, width, 3]; without one the light map in fbc's range, which is never mirrored."""
    if images.background is None:
        return light_map(params, images, "fbc", frame, width, height, subject=subject)
    rgb = images.background.flattened().rgb
    if frame.is_part:
        return frame.place(flipped(rgb, params), width, height)
    return flipped(frame.place(rgb, width, height), params)


def flipped(array: np.ndarray, params: IcLightParams) -> np.ndarray:
    """Mirror a background where `background_flip` asks for it."""
    return np.ascontiguousarray(array[:, ::-1]) if params.background_flip else array


def encode(host: Host, p: Processing, image: np.ndarray, progress: Progress, what: str) -> torch.Tensor:
    """Encode uint8 [H, W, 3] to the VAE's scaled mode, float32 [1, 4, H/8, W/8] on the CPU; cached by content."""

    def compute():
        progress(f"encoding {what}")
        counters["encodes"] += 1
        return host.encode(p, conditioning.to_vae_input(image)).cpu()

    return latents.get((host.vae_identity(p), content_hash(image)), compute)
