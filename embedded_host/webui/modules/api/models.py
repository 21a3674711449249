"""Shapes of the API's requests and answers. Request models are made from the fields of the processing classes."""

from __future__ import annotations

import dataclasses
import inspect
import typing
from typing import Any

import pydantic
from pydantic import BaseModel, Field, create_model

CONFIG = None if pydantic.VERSION.startswith("1.") else pydantic.ConfigDict(protected_namespaces=())

NOT_BY_API = {
    "sd_model", "outpath_samples", "outpath_grids", "sampler_index", "extra_generation_params", "overlay_images",
    "do_not_reload_embeddings", "seed_enable_extras", "prompt_for_display", "ddim_discretize", "firstpass_image",
    "comments", "latent_mask", "image_mask", "script_args", "scripts", "sampler_noise_scheduler_override",
}
JSON_TYPES = (int, float, bool, str, list, dict)

SHARED_FIELDS = {
    "sampler_index": (str | None, None),
    "script_name": (str | None, None),
    "script_args": (list | None, []),
    "send_images": (bool | None, True),
    "save_images": (bool | None, False),
    "alwayson_scripts": (dict | None, {}),
    "force_task_id": (str | None, None),
    "infotext": (str | None, None),
}
IMG2IMG_FIELDS = {
    "init_images": (list | None, None),
    "denoising_strength": (float | None, 0.75),
    "mask": (str | None, None),
    "mask_blur": (int | None, None),
    "include_init_images": (bool | None, False),
}


class ScriptArg(BaseModel):
    label: str | None = None
    value: Any | None = None
    minimum: Any | None = None
    maximum: Any | None = None
    step: Any | None = None
    choices: list[str] | None = None


class ScriptInfo(BaseModel):
    name: str | None = None
    is_alwayson: bool | None = None
    is_img2img: bool | None = None
    args: list[ScriptArg] = Field(default_factory=list)


class ScriptsList(BaseModel):
    txt2img: list | None = None
    img2img: list | None = None


class GenerationResponse(BaseModel):
    """images: base64 PNG with the infotext inside. info: JSON text of the job (seeds, infotexts, …)."""

    images: list[str] | None = None
    parameters: dict
    info: str


TextToImageResponse = ImageToImageResponse = GenerationResponse


class ProgressResponse(BaseModel):
    progress: float
    eta_relative: float
    state: dict
    current_image: str | None = None
    textinfo: str | None = None
    current_task: str | None = None


class PNGInfoRequest(BaseModel):
    image: str


class PNGInfoResponse(BaseModel):
    info: str
    items: dict
    parameters: dict


def field_type(annotation):
    """The request type of a processing field: its JSON type or None; anything else is passed unchecked."""
    for kind in (annotation, *typing.get_args(annotation)):
        if kind in JSON_TYPES:
            return kind | None
        if typing.get_origin(kind) in (list, dict):
            return typing.get_origin(kind) | None
    return Any


def request_model(name, processing_class, extra_fields):
    """A pydantic model of everything `processing_class` can be made from, plus `extra_fields` (type, default)."""
    hints = _type_hints(processing_class)
    fields = {}
    for key, parameter in inspect.signature(processing_class.__init__).parameters.items():
        if key in ("self", *NOT_BY_API) or parameter.kind in (parameter.VAR_KEYWORD, parameter.VAR_POSITIONAL):
            continue
        fields[key] = (field_type(hints.get(key, Any)), _json_default(parameter.default))
    fields.update(extra_fields)
    return create_model(name, __config__=CONFIG, **fields)


def known_fields(request):
    return getattr(type(request), "model_fields", None) or type(request).__fields__


def given_fields(request):
    """The fields that the request itself named."""
    return getattr(request, "model_fields_set", None) or request.__fields_set__


def _json_default(default):
    plain = (*JSON_TYPES, type(None))
    return default if isinstance(default, plain) else None


def _type_hints(cls):
    """Field annotations; a name that cannot be resolved at run time counts as unchecked."""
    hints = {}
    for base in reversed(cls.__mro__):
        namespace = vars(inspect.getmodule(base) or typing)
        for key, annotation in inspect.get_annotations(base).items():
            hints[key] = _resolved(annotation, namespace)
    return hints


def _resolved(annotation, namespace):
    if isinstance(annotation, dataclasses.InitVar):
        annotation = annotation.type
    if not isinstance(annotation, str):
        return annotation
    try:
        return eval(annotation, dict(namespace))
    except Exception:
        return Any


def __getattr__(name):
    """The two request models, made when first asked for: they need modules.processing, which imports this module."""
    if name == "StableDiffusionTxt2ImgProcessingAPI":
        from modules.processing import StableDiffusionProcessingTxt2Img as processing_class
        extra = SHARED_FIELDS
    elif name == "StableDiffusionImg2ImgProcessingAPI":
        from modules.processing import StableDiffusionProcessingImg2Img as processing_class
        extra = {**SHARED_FIELDS, **IMG2IMG_FIELDS}
    else:
        raise AttributeError(name)
    model = request_model(processing_class.__name__, processing_class, extra)
    globals()[name] = model
    return model
