"""The pictures of one job: each subject at the output's size, the light map, the background, and their latents."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch

from ...lib_iclight import conditioning, foreground, lights
from ...lib_iclight.matte_edges import adjust_matte
from ...lib_iclight.params import IcLightParams
from ..base.caches import ContentCache, content_hash, counters, tensor_bytes
from ..base.errors import RelightError
from ..base.progress import SILENT, Steps
from ..checks.iclight_checks import NO_PICTURE
from ..matting import matting
from ..request.images import DecodedImage
from ..request.request import IcLightImages

latents = ContentCache(256 * 2**20, tensor_bytes)
HOST_RESIZE = {0: "stretch", 1: "cover", 2: "contain", 3: "stretch"}
"""img2img's resize modes (just resize, crop and resize, resize and fill, latent upscale) as `foreground.fit` modes."""


@dataclass(frozen=True)
class Frame:
    """How a source picture becomes the sampled one: crop box in source pixels (inpaint only masked), then fit."""

    mode: str = "cover"
    crop: tuple[int, int, int, int] | None = None

    def fit(self, array: np.ndarray, width: int, height: int) -> np.ndarray:
        if self.crop is not None:
            left, top, right, bottom = self.crop
            array = array[top:bottom, left:right]
        return foreground.fit(array, width, height, self.mode)


def frame_of(p) -> Frame:
    """The way img2img takes its init image: the subject's condition must lie exactly on it. Known after the host's init."""
    if getattr(p, "inpaint_full_res", False) and getattr(p, "paste_to", None) and p.image_mask is not None:
        left, top, width, height = p.paste_to
        return Frame("contain", (left, top, left + width, top + height))
    return Frame(HOST_RESIZE.get(p.resize_mode, "cover"))


@dataclass(frozen=True)
class Subject:
    """rgb: uint8 [H, W, 3]; alpha: float32 [H, W], 0..1, or None for a picture that already stands on grey."""

    rgb: np.ndarray
    alpha: np.ndarray | None

    def at(self, frame: Frame, width: int, height: int) -> tuple[np.ndarray, np.ndarray | None]:
        alpha = None if self.alpha is None else frame.fit(self.alpha, width, height)
        return frame.fit(self.rgb, width, height), alpha

    def on_grey(self, frame: Frame, width: int, height: int) -> np.ndarray:
        """The fc condition: composited over 127 at full resolution, then fitted, as the original does."""
        return frame.fit(foreground.grey_composite(self.rgb, self.alpha), width, height)


def cut_out(image: DecodedImage, params: IcLightParams, images: IcLightImages, steps: Steps = SILENT) -> Subject:
    """The subject with its matte, the edge tools applied. steps: may stop a matting model."""
    alpha = matting.choose(params.matting, image, images.mask, steps)
    if alpha is not None:
        alpha = adjust_matte(alpha, params.matte_threshold, params.matte_grow, params.matte_feather)
        if alpha.max() < matting.VISIBLE:
            raise RelightError(f"Nothing of the subject is left by `matte_threshold` {params.matte_threshold:g} and `matte_grow` "
                               f"{params.matte_grow:g}; lower the threshold, or shrink less.")
    return Subject(image.rgb, alpha)


def cut_out_all(params: IcLightParams, images: IcLightImages, init_images: Sequence[DecodedImage] | None,
                steps: Steps = SILENT) -> list[Subject]:
    """The job's subjects: `foreground`, or in its place the img2img pictures. init_images: None in txt2img."""
    own_init = init_images is not None and images.foreground is None
    if own_init and not init_images:
        raise RelightError(NO_PICTURE)
    return [cut_out(image, params, images, steps) for image in (init_images if own_init else [images.foreground])]


def light_picture(params: IcLightParams, images: IcLightImages, kind: str, width: int, height: int) -> np.ndarray:
    """uint8 [height, width, 3]. kind: "fc" for an init latent, "fbc" for a background condition; each has its range."""
    custom = None
    if images.light_map is not None:
        custom = images.light_map.fitted(width, height).rgb
    return lights.render_lights(params, kind, width, height, custom)


def background_picture(params: IcLightParams, images: IcLightImages, width: int, height: int) -> np.ndarray:
    """uint8 [height, width, 3]: the fbc background, or the light map in fbc's range where none is given."""
    if images.background is None:
        picture = light_picture(params, images, "fbc", width, height)
    else:
        picture = images.background.fitted(width, height).rgb
    return np.ascontiguousarray(picture[:, ::-1]) if params.background_flip else picture


def encode(host, p, picture: np.ndarray, steps: Steps, what: str) -> torch.Tensor:
    """uint8 [H, W, 3] -> float32 [1, 4, H/8, W/8] on the CPU: the VAE's mode, scaled; the same picture is encoded once."""

    def compute():
        steps(f"encoding {what}")
        counters["encodes"] += 1
        return host.encode(p, conditioning.to_vae_input(picture)).cpu()

    return latents.get((host.vae_identity(p), content_hash(picture)), compute)
