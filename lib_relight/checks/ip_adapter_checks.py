"""Rules about IP-Adapter units: inputs that do not fit together, ineffective fields, and units that a pass leaves idle."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import replace

from ...lib_ipadapter.attend.attention import Unit
from ...lib_ipadapter.attend.timing import StepClock, Window
from ...lib_ipadapter.attend.weight_types import transformer_weights
from ...lib_ipadapter.encode.adapter import inspect_adapter
from ...lib_ipadapter.files.variants import Variant, check_unet
from ...lib_ipadapter.params import IpAdapterParams, parse_layer_weights
from ...lib_ipadapter.unet_layers import TRANSFORMERS
from ..base.errors import UserError
from ..models import ip_adapter_files
from ..request.images import DecodedImage, same_shape
from ..request.ip_adapter_unit import SUBJECT, IpUnit
from ..request.request import RelightRequest
from .messages import Message, State, error, from_error, warning

SUBJECT_WITHOUT_LIGHT = ("An `ip_adapter` unit asks for the 'subject', but there is no `iclight` in this job; give the unit an "
                         "image of its own.")


def ip_adapter_messages(request: RelightRequest, state: State) -> Iterator[Message]:
    for unit in request.units:
        yield from file_messages(unit, state)
        if unit.uses_subject and request.iclight is None:
            yield error("image", SUBJECT, SUBJECT_WITHOUT_LIGHT)
        yield from mask_messages(unit)
        yield from weight_messages(unit)
        yield from uncond_messages(unit, state)
        yield from tiled_messages(unit)
        yield from unfold_messages(unit, state)
        yield from idle_messages(unit, state)


def file_messages(unit: IpUnit, state: State) -> Iterator[Message]:
    """Yield errors for an adapter or encoder that is missing or does not fit the checkpoint; reads headers only."""
    try:
        variant = inspect_adapter(ip_adapter_files.resolve(unit.params.model, state.folders("ipadapter")), unit.params.family)
        layers = layer_messages(unit.params, variant.base)
        ip_adapter_files.encoder_for(variant, state.folders("clip_vision"))
        if state.checkpoint is not None and state.checkpoint.layers:
            check_unet(variant, state.checkpoint.layers, state.checkpoint.cross)
    except UserError as raised:
        yield from_error(raised)
    else:
        yield from embedding_messages(unit, variant)
        yield from layers


def layer_messages(params: IpAdapterParams, base: str) -> list[Message]:
    """Return warnings for layers that get no weight. Raises IpAdapterError for layers that the base does not have."""
    given, count = parse_layer_weights(params.layer_weights), TRANSFORMERS[base]
    weights = transformer_weights(params.weight_type, base, 1.0, composition_weight=params.composition_weight,
                                  boost=params.boost, layer_weights=params.layer_weights)
    if not weights:
        name = "layer_weights" if given else "composition_weight"
        return [warning(name, getattr(params, name),
                        f"The unit {params.model!r} has the weight 0 in every layer, by `{name}`, and does nothing; raise one, "
                        "or switch the unit off.")]
    if given and max(given) == len(given) - 1 < count - 1:
        return [warning("layer_weights", params.layer_weights,
                        f"`layer_weights` of the unit {params.model!r} has weights for the first {len(given)} of {count} "
                        "transformers; the others take no image. Give a weight for each, also where it is 0.")]
    return []


def embedding_messages(unit: IpUnit, variant: Variant) -> Iterator[Message]:
    if unit.embedding is None:
        return
    if not variant.face:
        yield error("embedding", None,
                    f"`embedding` is a face's, but {unit.params.model!r} is no FaceID adapter; leave it out, or choose another "
                    "`model`.")
    elif unit.images and len(unit.embedding) > len(unit.images):
        yield error("embedding", None,
                    f"`embedding` has {len(unit.embedding)} faces for {len(unit.images)} images of the unit "
                    f"{unit.params.model!r}; give one for each image.")


def image_count(unit: IpUnit) -> int:
    """Return the number of a unit's images, or of the faces in place of them."""
    return max(len(unit.images), len(unit.embedding or ()))


def mask_messages(unit: IpUnit) -> Iterator[Message]:
    """Yield messages for output masks and image masks whose number does not match the images."""
    params, count = unit.params, image_count(unit)
    if len(unit.masks) > 1 and params.combine != "separate" and not params.unfold_batch:
        yield error("mask", None,
                    f"`mask` of the unit {params.model!r} has {len(unit.masks)} masks, but `combine` is {params.combine!r}; set "
                    "it to 'separate' for one mask per image, or give one mask.")
    for name, masks in (("mask", unit.masks), ("image_mask", unit.image_masks)):
        if len(masks) > max(count, 1) and SUBJECT not in unit.images:
            yield error(name, None, f"`{name}` of the unit {params.model!r} has {len(masks)} masks for {count} images; leave out "
                                    "the others.")
    if 1 < len(unit.masks) < count:
        yield warning("mask", None, f"`mask` of the unit {params.model!r} has {len(unit.masks)} masks for {count} images; those "
                                    "without one work in the whole image.")
    if any(not mask.mask_levels().any() for mask in unit.image_masks):
        yield warning("image_mask", None, f"`image_mask` of the unit {params.model!r} is black everywhere, which hides all of "
                                          "its image; paint white what the encoder should see.")
    for mask, image in zip(unit.image_masks, unit.images):
        if isinstance(image, DecodedImage) and not same_shape(mask.size, image.size):
            sizes = [f"{width}x{height}" for width, height in (mask.size, image.size)]
            yield error("image_mask", None,
                        f"`image_mask` of the unit {params.model!r} is {sizes[0]} and its image {sizes[1]}: their shapes differ, "
                        "so the mask would not lie on it; send a mask of the image's shape.")


def weight_messages(unit: IpUnit) -> Iterator[Message]:
    """Yield warnings for weights of single images that have no effect, or leave no image."""
    params, count = unit.params, image_count(unit)
    if params.combine == "concat" and 0 in params.image_weights:
        yield warning("image_weights", list(params.image_weights),
                      f"`image_weights` of the unit {params.model!r} has a 0, but with `combine` 'concat' that image still takes "
                      "part, as an empty one; leave the image out.")
    elif params.combine != "weighted concat" and len(params.image_weights) >= count > 0 and not any(params.image_weights[:count]):
        yield warning("image_weights", list(params.image_weights),
                      f"`image_weights` of the unit {params.model!r} is 0 for every image, so none of them prompts; raise one, "
                      "or switch the unit off.")
    if len(params.image_weights) > count and SUBJECT not in unit.images:
        yield warning("image_weights", list(params.image_weights),
                      f"`image_weights` of the unit {params.model!r} has {len(params.image_weights)} numbers for {count} images; "
                      "the others have no effect.")


def uncond_messages(unit: IpUnit, state: State) -> Iterator[Message]:
    params = unit.params
    if params.uncond == "image" and unit.negative_image is None:
        yield error("negative_image", None,
                    "`uncond` is 'image' but `negative_image` is missing; add it or choose another `uncond`.")
    if params.uncond != "image" and unit.negative_image is not None:
        yield warning("negative_image", None,
                      f"`negative_image` of the unit {params.model!r} has no effect, because `uncond` is {params.uncond!r}; set "
                      "`uncond` to 'image' to use it.")
    elif unit.negative_image is not None and state.cfg_scale == 1 and not state.has_hires:
        yield warning("negative_image", None,
                      f"`negative_image` of the unit {params.model!r} has no effect at CFG scale 1, which has no negative side; "
                      "raise the CFG scale.")


def tiled_messages(unit: IpUnit) -> Iterator[Message]:
    params = unit.params
    if params.tiled and len(unit.images) != 1:
        yield error("tiled", True, f"`tiled` works with one image, but the unit {params.model!r} has {len(unit.images)}; switch "
                                   "it off, or give one image.")
    ineffective = {"image_mask": bool(unit.image_masks), "crop": params.crop != "center", "combine": params.combine != "concat",
                   "unfold_batch": params.unfold_batch}
    for name in (name for name, is_set in ineffective.items() if params.tiled and is_set):
        yield warning(name, getattr(params, name, None),
                      f"`{name}` of the unit {params.model!r} has no effect, because `tiled` encodes the whole image in parts; "
                      f"leave out `{name}`, or switch `tiled` off.")
    if params.crop_box and params.crop != "box" and not params.tiled:
        yield warning("crop_box", list(params.crop_box),
                      f"`crop_box` of the unit {params.model!r} has no effect, because `crop` is {params.crop!r}; set `crop` to "
                      "'box' to use it.")


def idle_messages(unit: IpUnit, state: State) -> Iterator[Message]:
    params = unit.params
    if params.weight == 0:
        yield warning("weight", 0.0,
                      f"The unit {params.model!r} has `weight` 0 and does nothing; raise it, or switch the unit off.")
    if state.is_img2img and state.denoise == 0:
        yield warning("denoising_strength", 0,
                      f"The denoising strength is 0, which leaves the img2img image as it is: the unit {params.model!r} does "
                      "nothing; raise it.")
    if params.hr_option == "high" and state.has_hires is False:
        yield warning("hr_option", "high",
                      f"Relight: the unit {params.model!r} works in the hires pass only, which this job does not have; it did "
                      "nothing. Set its `hr_option` to both or low.")


def unfold_messages(unit: IpUnit, state: State) -> Iterator[Message]:
    """Yield warnings where the images are not one for each image of a batch, and for what has no effect then."""
    params, count, batch = unit.params, len(unit.images), state.batch
    if SUBJECT in unit.images and count > 1 and state.is_img2img and (state.init_images or 0) > 1:
        yield warning("image", None,
                      f"`image` of the unit {params.model!r} mixes \"{SUBJECT}\" with other images, and img2img has "
                      f"{state.init_images} images; the first one's subject is used in all of them. Give \"{SUBJECT}\" alone, so "
                      "that each image has its own.")
    if not params.unfold_batch or params.tiled:
        return
    if params.combine not in ("concat", "separate"):
        yield warning("combine", params.combine,
                      f"`combine` of the unit {params.model!r} has no effect, because `unfold_batch` gives each image of the "
                      "batch one image of its own; leave out `combine`, or switch `unfold_batch` off.")
    if state.set_size > 1:
        yield from unfold_messages_of_set(unit, state.set_size)
        return
    if batch is not None and count > batch:
        yield warning("unfold_batch", True,
                      f"`unfold_batch` of the unit {params.model!r} gives one of its {count} images to each image of "
                      f"a batch, but the batch size is {batch:g}; the others have no effect. Raise the batch size.")
    if batch is not None and 0 < count < batch and SUBJECT not in unit.images:
        yield warning("unfold_batch", True,
                      f"`unfold_batch` of the unit {params.model!r} has {count} images for a batch of {batch:g}; the last one is "
                      "used for the others too. Give one for each image of the batch.")


def unfold_messages_of_set(unit: IpUnit, size: int) -> Iterator[Message]:
    count = len(unit.images)
    if count > size:
        yield warning("unfold_batch", True,
                      f"`unfold_batch` of the unit {unit.params.model!r} gives one of its {count} images to each light of the "
                      f"set, which has {size}; the others have no effect. Leave them out.")
    if 0 < count < size and SUBJECT not in unit.images:
        yield warning("unfold_batch", True,
                      f"`unfold_batch` of the unit {unit.params.model!r} has {count} images for the {size} lights of the set; "
                      "the last one is used for the others too. Give one for each light.")


def window_messages(windows: Iterable[Window], clock: StepClock) -> Iterator[str]:
    """Yield a warning for each window that has no weight in any of the pass's steps. clock: of the steps that are run."""
    for window in dict.fromkeys(windows if clock.steps else ()):
        if clock.opens(window):
            continue
        steps, way_out = f"{clock.steps} steps", "Set them further apart"
        if window.mode == "sigma":
            steps, way_out = f"noise levels of the {steps}", f"{way_out}, or `timing` to steps"
        if clock.opens(replace(window, curve="constant")):
            yield (f"Relight: `curve` {window.curve!r} is 0 in all steps between `start` {window.start:g} and `end` "
                   f"{window.end:g}; that unit did nothing. Choose another curve, or run more steps.")
        else:
            yield (f"Relight: `start` {window.start:g} and `end` {window.end:g} hold none of the {steps}; that unit did nothing. "
                   f"{way_out}.")


def black_mask_messages(model: str, made: Iterable[Unit]) -> Iterator[str]:
    """Yield a warning for a unit whose masks are black in all that is sampled. made: the unit's prompts in this pass."""
    masks = [unit.mask for unit in made]
    if masks and all(mask is not None and not mask.mask.any() for mask in masks):
        yield (f"Relight: the mask of the unit {model!r} is black in all of the image that is made; it did nothing. Paint white "
               "where it should work.")
