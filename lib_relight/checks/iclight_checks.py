"""Rules about an IC-Light request that no single field can check: its images, model, checkpoint and ineffective fields."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import fields, replace

from PIL import Image

from ...lib_iclight import light_map
from ...lib_iclight.light_kinds import ignored_fields
from ...lib_iclight.light_sets import NAMED_SETS, first_of_set
from ...lib_iclight.params import LIGHT_FIELDS, MATTINGS, IcLightParams
from ..base.errors import RelightError, UserError
from ..models import iclight_files
from ..models.checkpoint import Checkpoint
from ..packages import exr, video
from ..request.images import DecodedImage, same_shape
from ..request.pixel_formats import channels_of
from ..request.request import IcLightImages, RelightRequest
from .messages import Message, State, error, from_error, warning

WEAK_DENOISE = 0.7
"""Denoising strength below which img2img keeps too much of its start: the image's own light, or the light map itself."""
NO_INIT_IMAGE = "img2img has no image; add the subject as the img2img image or as `foreground`."


def iclight_messages(request: RelightRequest, state: State) -> Iterator[Message]:
    images = request.images
    try:
        params = first_of_set(with_stand_in(request.iclight, images))
    except UserError as raised:
        yield from_error(raised)
        return
    yield from set_messages(request.iclight)
    yield from light_messages(request.iclight)
    yield from image_messages(params, images, state)
    kind = params.model
    try:
        kind = iclight_files.resolve(params.model, images.background is not None, state.folders("iclight"))[1].kind
        check_kind(kind, params, images)
    except UserError as raised:
        yield from_error(raised)
    if state.checkpoint is not None and state.checkpoint.family != "unknown":
        yield from checkpoint_messages(state.checkpoint)
    yield from denoise_messages(kind, params, images, state)
    yield from ineffective_fields(params, images, state)
    yield from place_messages(params, images, state)
    yield from shape_messages(images, state)
    yield from cut_out_messages(params, images, state)
    yield from exchange_messages(images, state)


def with_stand_in(params: IcLightParams, images: IcLightImages) -> IcLightParams:
    """Return params with a light in place of those that the job will find in `light_from`."""
    if images.light_from is None:
        return params
    return replace(params, lights=({"light": "angle", "light_elevation": 30.0}, *params.lights))


def shape_messages(images: IcLightImages, state: State) -> Iterator[Message]:
    """Yield a warning for each image that by its aspect does not belong to the image of which a part is sampled."""
    for name in ("foreground", "background", "light_map"):
        image = getattr(images, name)
        if state.part_of and image is not None and not same_shape(image.size, state.part_of):
            size, canvas = (f"{width}x{height}" for width, height in (image.size, state.part_of))
            yield warning(name, None,
                          f"`{name}` is {size} and the img2img image {canvas}: their shapes differ, so it is cropped to cover "
                          "the img2img image before the sampled part is cut out of both; give one of the same shape.")


def set_messages(params: IcLightParams) -> Iterator[Message]:
    for item in fields(IcLightParams):
        name, sets = item.name, (item.metadata.get("shown_for") or {}).get("set")
        if sets and params.set not in sets and getattr(params, name) != item.default:
            yield warning(name, getattr(params, name),
                          f"`{name}` works with `set` {' or '.join(sets)} only, and `set` is {params.set!r}; choose another set, "
                          "or leave it out.")
    if (params.set, params.set_file) == ("sweep", "mp4") and (sentence := video.missing()):
        yield error("set_file", "mp4", sentence)
    if (params.set, params.set_normals_file) == ("normals", "exr") and (sentence := exr.missing("set_normals_file")):
        yield error("set_normals_file", "exr", sentence)
    if params.output == "exr" and (sentence := exr.missing("output")):
        yield error("output", "exr", sentence)


def light_messages(params: IcLightParams) -> Iterator[Message]:
    """Yield a warning for each field of a light that its kind ignores. A set of directions has its own lights."""
    own = [] if params.set in NAMED_SETS else without_effect({name: getattr(params, name) for name in LIGHT_FIELDS})
    for name, value in own:
        yield warning(name, value,
                      f"`{name}` has no effect, because `light` is {params.light!r}; choose another light, or leave it out.")
    for number, light in enumerate(params.lights, 1):
        for name, _ in without_effect(light):
            yield warning("lights", None,
                          f"`{name}` of entry {number} of `lights` has no effect, because that light is {light['light']!r}; "
                          "choose another light, or leave it out.")


def without_effect(light: Mapping) -> list[tuple[str, object]]:
    """Return (field, value) of a light's fields that differ from their default and that its kind ignores."""
    ignored, defaults = ignored_fields(light["light"]), {item.name: item.default for item in fields(IcLightParams)}
    return [(name, light[name]) for name in LIGHT_FIELDS if name in ignored and light.get(name, defaults[name]) != defaults[name]]


def image_messages(params: IcLightParams, images: IcLightImages, state: State) -> Iterator[Message]:
    """Yield errors for missing images and for images that the other fields do not use."""
    if images.foreground is None and not state.is_img2img:
        yield error("foreground", None, "`foreground` is missing: txt2img needs the subject's image; add one, or use img2img.")
    if images.foreground is None and state.is_img2img and state.init_images == 0:
        yield error("foreground", None, NO_INIT_IMAGE)
    if params.light == "custom" and images.light_map is None:
        yield error("light_map", None,
                    "`light` is 'custom' but `light_map` is missing; add the map or choose another light.")
    if params.light != "custom" and images.light_map is not None:
        yield error("light_map", None,
                    f"`light_map` is given but `light` is {params.light!r}; set `light` to 'custom' to use it.")
    if params.matting == "mask" and images.mask is None:
        yield error("mask", None, "`matting` is 'mask' but `mask` is missing; add the mask or choose another matting.")
    several = state.is_img2img and images.foreground is None and (state.init_images or 0) > 1
    if params.matting in ("mask", "auto") and images.mask is not None and several:
        yield warning("mask", None,
                      f"`mask` is one mask for {state.init_images} img2img images; the same part of each is taken as the subject."
                      " Send the images in jobs of their own, or with transparency, if their subjects lie elsewhere.")
    if params.matting not in ("mask", "auto") and images.mask is not None:
        yield error("mask", None, f"`mask` is given but `matting` is {params.matting!r}; set `matting` to 'mask' to use it.")


def check_kind(kind: str, params: IcLightParams, images: IcLightImages) -> None:
    """Raise RelightError if a model of this kind (fc, fcon, fbc) cannot process the request."""
    if kind == "fbc" and images.background is None and not light_map.has_light(params):
        raise RelightError("fbc needs a `background`; add one, or choose a `light`, which then serves as background.")
    if kind != "fbc" and images.background is not None:
        raise RelightError(f"`background` is given but the model is {kind}, which takes none; set `model` to 'auto' or "
                           "'fbc', or leave `background` out.")


def checkpoint_messages(checkpoint: Checkpoint) -> Iterator[Message]:
    try:
        check_checkpoint(checkpoint.family, checkpoint.in_channels, checkpoint.name)
    except RelightError as raised:
        yield from_error(raised)


def check_checkpoint(family: str, in_channels: int, name: str = "The checkpoint") -> None:
    """Raise RelightError for a checkpoint that IC-Light does not support. family: as of models.checkpoint."""
    if family == "iclight":
        raise RelightError(f"{name} is an IC-Light file chosen as checkpoint; choose an SD 1.5 checkpoint and leave IC-Light to "
                           "Relight's `model`.")
    if family != "sd15":
        raise RelightError(f"The checkpoint is {family}; IC-Light needs an SD 1.5 checkpoint. Choose one and generate again.")
    if in_channels != 4:
        raise RelightError(f"The checkpoint takes {in_channels} input channels (an inpainting model?); IC-Light needs an "
                           "ordinary SD 1.5 checkpoint with 4.")


def rewrites_start(kind: str, params: IcLightParams, images: IcLightImages) -> bool:
    """Return whether the light goes into the init latent; fbc without a background uses it as the background instead."""
    return light_map.has_light(params) and not (kind == "fbc" and images.background is None)


def denoise_messages(kind: str, params: IcLightParams, images: IcLightImages, state: State) -> Iterator[Message]:
    """kind: the kind of the resolved file, or `model` if there is no such file."""
    denoise = state.denoise
    if not state.is_img2img or denoise is None or denoise >= WEAK_DENOISE:
        return
    if not light_map.has_light(params):
        yield warning("denoising_strength", denoise,
                      f"`light` is none and the denoising strength {denoise:g}: the image keeps most of its own light; choose a "
                      "light, or set the strength to 0.9 or more.")
    elif rewrites_start(kind, params, images):
        yield warning("denoising_strength", denoise, weak_denoise(denoise))


def weak_denoise(strength: float) -> str:
    return f"Relight: denoising strength {strength:g} is low for a light: the light map itself shows in the image; set 0.9 to 1."


def ineffective_fields(params: IcLightParams, images: IcLightImages, state: State) -> Iterator[Message]:
    if images.normal_map is not None and not light_map.has_depth(params):
        yield warning("normal_map", None,
                      "`normal_map` is used by lights with `light_elevation` only, and there is none; set it, or leave the map "
                      "out.")
    if params.matting == "none" and images.normal_map is None and light_map.has_depth(params):
        yield warning("light_elevation", params.light_elevation,
                      "`light_elevation` shades the subject, which `matting` 'none' does not cut out; set `matting` to 'auto', "
                      "or give a `normal_map`.")
    if params.reinforce and not light_map.has_light(params):
        yield warning("reinforce", params.reinforce,
                      "`reinforce` works on the light map, and there is none; choose a `light`, or set `reinforce` to 0.")
    if params.background_flip and images.background is None:
        yield warning("background_flip", True,
                      "`background_flip` has no background to flip; give a `background`, or switch it off.")
    if params.hr_option == "high" and state.has_hires is False:
        yield warning("hr_option", "high",
                      "`hr_option` is 'high', but Hires fix is off: nothing would be relit; switch it on, or set `hr_option` to "
                      "'both'.")
    yield from matte_messages(params, images, state)


def is_fixed(params: IcLightParams, images: IcLightImages, is_img2img: bool, part_of: tuple[int, int] | None) -> bool:
    """Return whether `place` has no effect, since a part of the subject's own image is sampled: it belongs to the rest."""
    return bool(params.place) and is_img2img and images.foreground is None and part_of is not None


def place_messages(params: IcLightParams, images: IcLightImages, state: State) -> Iterator[Message]:
    if not params.place:
        return
    if params.matting == "none":
        yield warning("place", None,
                      "`place` moves the cut-out subject, and `matting` 'none' does not cut it out; set `matting` to 'auto', or "
                      "leave `place` out.")
    elif is_fixed(params, images, state.is_img2img, state.part_of):
        yield warning("place", None,
                      "`place` does not move the img2img image's subject while only a part of that image is sampled; give the "
                      "subject as `foreground`, or leave `place` out.")
    elif state.is_img2img and images.foreground is None and images.background is None and not light_map.has_light(params):
        yield error("place", None,
                    "`place` moves the subject, but img2img starts from the image that has it elsewhere; choose a `light`, or "
                    "give a `background`.")
    elif params.keep_background and images.background is None:
        yield warning("keep_background", True,
                      "`keep_background` does nothing, because `place` moves the subject away from the image it came from; give "
                      "a `background`, which is then kept, or switch it off.")


def matte_messages(params: IcLightParams, images: IcLightImages, state: State) -> Iterator[Message]:
    tools = [name for name in ("matte_threshold", "matte_grow", "matte_feather") if getattr(params, name)]
    if params.matting == "none" and tools:
        yield warning(tools[0], getattr(params, tools[0]),
                      f"`{tools[0]}` has no matte to work on, because `matting` is 'none'; choose another matting, or set it to "
                      "0.")
    if params.matting == "none" and params.keep_background:
        yield warning("keep_background", True,
                      "`keep_background` needs a matte to find the background, but `matting` is 'none'; choose another "
                      "matting.")
    if params.matting == "none" and params.output in ("rgba", "psd"):
        yield warning("output", params.output,
                      f"`output` {params.output} needs a matte to cut the subject out, but `matting` is 'none'; choose another "
                      "matting.")
    if params.matting == "none" and params.shadow:
        yield warning("shadow", params.shadow,
                      "`shadow` needs a matte to know what casts it, but `matting` is 'none'; choose another matting.")
    if params.shadow_softness != IcLightParams.shadow_softness and not params.shadow:
        yield warning("shadow_softness", params.shadow_softness,
                      "`shadow_softness` has no shadow to soften; set `shadow` above 0, or leave it out.")
    is_cut_out = state.init_is_cut_out if images.foreground is None else images.foreground.alpha is not None
    if params.keep_background and is_cut_out and not params.place:
        name = "the img2img image" if images.foreground is None else "`foreground`"
        yield warning("keep_background", True,
                      f"`keep_background` has no background to keep, because {name} is a cut-out; its transparent "
                      "parts become grey. Give the whole image, or switch it off.")


def cut_out_messages(params: IcLightParams, images: IcLightImages, state: State) -> Iterator[Message]:
    """Yield an error if the subject needs a matting model that cannot run."""
    own = images.foreground
    has_subject = own is not None or (state.is_img2img and state.init_images != 0)
    is_cut_out = state.init_is_cut_out if own is None else own.alpha is not None
    by_model = params.matting not in MATTINGS or (params.matting == "auto" and images.mask is None and not is_cut_out)
    if has_subject and by_model and not state.can_cut_out(params.matting):
        missing = "there is no matting model" if params.matting == "auto" else "rembg is not installed"
        yield error("matting", params.matting,
                    f"Cutting out is off, because {missing} and nothing may be installed; give an image with transparency or a "
                    "mask, or set `matting` to 'none'.")


def init_is_like_mask(image: Image.Image) -> bool:
    """Return whether an init image is like a mask."""
    return is_like_mask(DecodedImage(*channels_of(image.resize((64, 64), Image.Resampling.NEAREST))))


def is_like_mask(image: DecodedImage) -> bool:
    """Return whether an image is opaque and black and white but for a tenth of its pixels; about 64x64 of them are looked at."""
    down, across = (max(1, side // 64) for side in (image.height, image.width))
    rgb = image.rgb[::down, ::across].astype(int)
    is_extreme = (rgb < 32).all(-1) | (rgb > 223).all(-1)
    return image.alpha is None and is_extreme.mean() >= 0.9


def exchange_messages(images: IcLightImages, state: State) -> Iterator[Message]:
    """Yield a warning for a subject that looks like a mask, with a mask that does not."""
    own = images.foreground
    is_mask = is_like_mask(own) if own is not None else state.is_img2img and state.init_is_like_mask
    if not is_mask or images.mask is None or is_like_mask(images.mask):
        return
    yield warning("mask", None,
                  "The img2img image is black and white and `mask` is not, so they may be exchanged; give the photo as the "
                  "img2img image and its silhouette as `mask`." if own is None else
                  "`foreground` is black and white and `mask` is not, so they may be exchanged; give the photo as "
                  "`foreground` and its silhouette as `mask`.")
