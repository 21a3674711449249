"""Encodes reference images into conditional and unconditional tokens: encode, combine, project."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace

import torch
from PIL import Image
from torch import Tensor

from ..errors import IpAdapterError
from ..params import IpAdapterParams
from . import combine, preprocess
from .adapter import Adapter
from .encoder import ImageEncoder, check_encoder
from .faces import Face
from .noise import noise_image


@dataclass(frozen=True)
class Reference:
    """One reference image of a unit. image: None if a face embedding replaces it.

    image_mask: grey, aligned with the image; black is hidden from the encoder.  face: for the FaceID families, and for
    crop `face`.  mask: the image's own output mask, for combine `separate` (passed on as ImagePrompt.mask).
    """

    image: Image.Image | None = None
    image_mask: Image.Image | None = None
    face: Face | None = None
    mask: Tensor | None = None


@dataclass(frozen=True)
class ImagePrompt:
    """Tokens for one softmax. cond: [G, S, D], uncond: [1 or G, S', D], float32 on the CPU; G > 1 when every output image
    has its own input image.

    bias: [S] log weights, or None.  weight: multiplies the unit's.  box: region of the output (left, top, right, bottom
    as shares 0..1), None for all of it.  mask: its own output mask.  previews: the encoder's inputs.
    """

    cond: Tensor
    uncond: Tensor
    bias: Tensor | None = None
    weight: float = 1.0
    box: tuple[float, ...] | None = None
    mask: Tensor | None = None
    previews: tuple[Image.Image, ...] = field(default=(), compare=False)

    @property
    def size_in_bytes(self) -> int:
        tensors = [tensor for tensor in (self.cond, self.uncond, self.bias, self.mask) if tensor is not None]
        return sum(tensor.nbytes for tensor in tensors) + sum(3 * image.width * image.height for image in self.previews)


@dataclass(frozen=True)
class Embeddings:
    """Inputs of a projection, row by row. clip: [N, W] or [N, S, W] or None; face: [N, 512] or None."""

    clip: Tensor | None = None
    face: Tensor | None = None

    def map(self, function) -> Embeddings:
        return Embeddings(*(None if t is None else function(t) for t in (self.clip, self.face)))


TOKEN_FIELDS = ("family", "image_weights", "combine", "crop", "crop_box", "tiled", "unfold_batch", "uncond", "noise",
                "noise_strength", "noise_blur", "faceid_scale", "face_index")


def fingerprint(params: IpAdapterParams) -> tuple:
    """Return the cache key of the parameters that tokens depend on; other fields, such as weight, need no new encoding."""
    return tuple(getattr(params, name) for name in TOKEN_FIELDS)


def encode_prompt(adapter: Adapter, encoder: ImageEncoder | None, references: Sequence[Reference], params: IpAdapterParams, *,
                  negative_image: Image.Image | None = None, uncond_tokens: Tensor | None = None) -> tuple[ImagePrompt, ...]:
    """Encode the prompts of one unit: one, or one for each image (separate) or tile (tiled).

    encoder: needed when `adapter.variant.encoder` is set.  negative_image: for `uncond` image.  uncond_tokens: [1, T, D]
    from Fooocus' file, for `uncond` fooocus. Raises IpAdapterError for missing or unsuitable inputs.
    """
    check_inputs(adapter, encoder, references, params, negative_image, uncond_tokens)
    with torch.no_grad():
        if params.tiled:
            return tiled_prompts(adapter, encoder, references, params, negative_image, uncond_tokens)
        pixels = clip_inputs(adapter, encoder, references, params)
        previews = tuple(preprocess.preview(p) for p in pixels)
        cond = Embeddings(encode_pixels(adapter, encoder, pixels), face_embeddings(adapter, references))
        uncond = uncond_embeddings(adapter, encoder, references, params, negative_image)
        prompts = make_prompts(adapter, cond, uncond, references, params, uncond_tokens)
    if len(prompts) == len(previews):
        return tuple(replace(p, previews=(preview,)) for p, preview in zip(prompts, previews))
    return tuple(replace(p, previews=previews) for p in prompts)


def check_inputs(adapter, encoder, references, params, negative_image, uncond_tokens) -> None:
    variant = adapter.variant
    name = variant.path.name
    if not references:
        raise IpAdapterError(f"`image` is missing for `{name}`; add at least one image.")
    if variant.encoder is not None:
        if encoder is None:
            raise IpAdapterError(f"`{name}` needs {variant.encoder}; put it into models/clip_vision.")
        check_encoder(encoder.info, variant.encoder, name)
    if params.uncond == "image" and negative_image is None:
        raise IpAdapterError("`uncond` is 'image' but `negative_image` is missing; add it or choose another `uncond`.")
    if params.uncond == "fooocus":
        check_uncond_tokens(uncond_tokens, variant.cross)
    for reference in references:
        if variant.face and reference.face is None:
            raise IpAdapterError(f"`{name}` needs a face: give an image with one, or its `embedding`.")
        if variant.encoder is not None and reference.image is None and (reference.face is None or not reference.face.aligned):
            raise IpAdapterError(f"`image` is missing: `{name}` needs the face's image beside its embedding.")


def check_uncond_tokens(tokens: Tensor | None, cross: int) -> None:
    if tokens is None:
        raise IpAdapterError("`uncond` is 'fooocus' but fooocus_ip_negative.safetensors was not found; put it beside the "
                             "adapters, or choose official.")
    if tokens.ndim != 3 or tokens.shape[-1] != cross:
        raise IpAdapterError(f"`uncond` is 'fooocus', whose file has the width {tokens.shape[-1]}, but this adapter has {cross}; "
                             "the file is for SDXL, choose official.")


def clip_inputs(adapter: Adapter, encoder: ImageEncoder | None, references: Sequence[Reference],
                params: IpAdapterParams) -> list[Tensor]:
    if encoder is None or adapter.variant.encoder is None:
        return []
    return [clip_input(reference, params, encoder.info.image_size, bool(adapter.variant.face)) for reference in references]


def clip_input(reference: Reference, params: IpAdapterParams, size: int, aligned: bool) -> Tensor:
    """Return the encoder's input [1, 3, size, size]: the aligned face for FaceID-Plus, else the image, cropped by params."""
    face = reference.face
    if aligned and face is not None and face.aligned is not None:
        return preprocess.encoder_input(face.aligned, "stretch", size)
    box = face.box if face is not None and face.box else None
    assert reference.image is not None, "check_inputs rejects this"
    return preprocess.encoder_input(reference.image, params.crop, size, params.crop_box, box, reference.image_mask)


def encode_pixels(adapter: Adapter, encoder: ImageEncoder | None, pixels: Sequence[Tensor]) -> Tensor | None:
    if encoder is None or adapter.variant.encoder is None or not pixels:
        return None
    return encoder.encode(torch.cat(list(pixels)), adapter.variant.encoder.output).cpu()


def face_embeddings(adapter: Adapter, references: Sequence[Reference]) -> Tensor | None:
    if not adapter.variant.face:
        return None
    faces = [reference.face for reference in references if reference.face is not None]
    return torch.stack([face.raw if adapter.variant.face == "raw" else face.normed for face in faces])


def uncond_embeddings(adapter: Adapter, encoder: ImageEncoder | None, references: Sequence[Reference],
                      params: IpAdapterParams, negative_image: Image.Image | None) -> Embeddings:
    """Return the unconditional embeddings; the face part is always zeros."""
    need = adapter.variant.encoder
    face = torch.zeros(1, adapter.variant.sizes["input"]) if adapter.variant.face else None
    if need is None or encoder is None:
        return Embeddings(None, face)
    image = uncond_image(references, params, negative_image, encoder.info.image_size)
    if image is not None and (need.output == "hidden" or params.uncond in ("image", "noise")):
        return Embeddings(encode_pixels(adapter, encoder, [preprocess.normalise(image)]), face)
    if need.output == "image_embeds":
        return Embeddings(torch.zeros(1, need.width), face)
    size = encoder.info.image_size
    return Embeddings(encode_pixels(adapter, encoder, [torch.zeros(1, 3, size, size)]), face)


def uncond_image(references: Sequence[Reference], params: IpAdapterParams, negative_image: Image.Image | None,
                 size: int) -> Image.Image | None:
    """Return the negative image, cropped to the encoder's input; None for the official zero after normalisation (mean grey)."""
    if params.uncond == "black":
        return Image.new("RGB", (size, size))
    if params.uncond == "image":
        assert negative_image is not None, "check_inputs rejects this"
        crop = "center" if params.crop in ("face", "box") else params.crop
        return preprocess.square(preprocess.to_rgb(negative_image), crop, size)
    if params.uncond == "noise":
        first = references[0]
        source = first.image if first.image is not None or first.face is None else first.face.aligned
        assert source is not None, "check_inputs rejects this"
        square = preprocess.square(preprocess.to_rgb(source), "center", size)
        return noise_image(square, params.noise, params.noise_strength, params.noise_blur)
    return None


def project(adapter: Adapter, embeddings: Embeddings, params: IpAdapterParams) -> Tensor:
    return adapter.project(embeddings.clip, embeddings.face, params.faceid_scale)


def make_prompts(adapter: Adapter, cond: Embeddings, uncond: Embeddings, references: Sequence[Reference],
                 params: IpAdapterParams, uncond_tokens: Tensor | None) -> tuple[ImagePrompt, ...]:
    """Combine and project embeddings into prompts; see params.combine and params.unfold_batch."""
    mode, count = "concat" if params.unfold_batch else params.combine, len(references)
    weights = combine.image_weights(params.image_weights, count)
    cond = cond.map(lambda embeds: combine.combine(embeds, mode, weights))
    tokens = project(adapter, cond, params)
    negative = project(adapter, uncond, params) if uncond_tokens is None else uncond_tokens.float()
    if params.unfold_batch:
        return (ImagePrompt(tokens, negative),)
    if mode == "separate":
        return tuple(ImagePrompt(tokens[i:i + 1], negative, weight=weights[i], mask=references[i].mask)
                     for i in range(count))
    bias = combine.token_bias(weights, tokens.shape[1]) if mode == "weighted concat" else None
    if params.uncond != "fooocus":
        negative = negative.expand(len(tokens), -1, -1)
    return (ImagePrompt(combine.concat_tokens(tokens), combine.concat_tokens(negative), bias),)


def tiled_prompts(adapter: Adapter, encoder: ImageEncoder | None, references: Sequence[Reference], params: IpAdapterParams,
                  negative_image: Image.Image | None, uncond_tokens: Tensor | None) -> tuple[ImagePrompt, ...]:
    """Encode one prompt for each tile of the single image, each for the same region of the output."""
    if encoder is None or adapter.variant.face or len(references) != 1 or references[0].image is None:
        raise IpAdapterError(f"`tiled` works with one image and no FaceID adapter; `{adapter.variant.path.name}` has "
                             f"{len(references)}. Leave `tiled` off.")
    cut = preprocess.tiles(references[0].image)
    pixels = [preprocess.encoder_input(tile, "stretch", encoder.info.image_size) for tile, _ in cut]
    cond = Embeddings(encode_pixels(adapter, encoder, pixels))
    uncond = uncond_embeddings(adapter, encoder, references, params, negative_image)
    separate = replace(params, combine="separate", image_weights=(), tiled=False)
    prompts = make_prompts(adapter, cond, uncond, list(references) * len(cut), separate, uncond_tokens)
    return tuple(replace(p, box=box, previews=(preprocess.preview(x),)) for p, (_, box), x in zip(prompts, cut, pixels))
