"""The API's request and answer models. Requests are made from the fields of the processing classes and their limits."""

from __future__ import annotations

import inspect
import typing
from typing import Any

import pydantic
from pydantic import BaseModel, Field, create_model

from ..limits import limits_of

CONFIG = None if pydantic.VERSION.startswith("1.") else pydantic.ConfigDict(protected_namespaces=())
JSON_TYPES = (int, float, bool, str, list, dict)

NOT_BY_API = {
    "self", "sd_model", "outpath_samples", "outpath_grids", "extra_generation_params", "overlay_images",
    "do_not_reload_embeddings", "seed_enable_extras", "prompt_for_display", "ddim_discretize", "firstpass_image", "comments",
    "latent_mask", "do_not_save_samples", "do_not_save_grid",
}
FURTHER = {
    "sampler_index": (str | None, None),
    "script_name": (str | None, None),
    "script_args": (list | None, None),
    "send_images": (bool | None, True),
    "save_images": (bool | None, False),
    "alwayson_scripts": (dict[str, Any] | None, None),
    "force_task_id": (str | None, None),
    "infotext": (str | None, None),
}
FURTHER_IMG2IMG = {
    "init_images": (list[str] | None, None),
    "mask": (str | None, None),
    "include_init_images": (bool | None, False),
}


class ScriptArg(BaseModel):
    """One component of a script's panel."""

    label: str | None = None
    value: Any | None = None
    minimum: Any | None = None
    maximum: Any | None = None
    step: Any | None = None
    choices: list[str] | None = None


class ScriptInfo(BaseModel):
    """One script of one tab."""

    name: str | None = None
    is_alwayson: bool | None = None
    is_img2img: bool | None = None
    args: list[ScriptArg] = Field(default_factory=list)


class GenerationResponse(BaseModel):
    """images: base64-encoded PNG with the infotext inside. info: JSON text with the job's seeds, infotexts and settings."""

    images: list[str]
    parameters: dict
    info: str


class ProgressResponse(BaseModel):
    """progress: 0..1; eta_relative: seconds left. Both are 0 while nothing runs."""

    progress: float
    eta_relative: float
    state: dict
    current_image: str | None = None
    textinfo: str | None = None
    current_task: str | None = None


class ProgressRequest(BaseModel):
    """The page's question for one task; id_live_preview: the number of the preview that it shows."""

    id_task: str | None = None
    id_live_preview: int = -1
    live_preview: bool = True


class PNGInfoRequest(BaseModel):
    """image: base64."""

    image: str


class PNGInfoResponse(BaseModel):
    """info: the infotext; items: the image's other text entries; parameters: the infotext's entries."""

    info: str
    items: dict
    parameters: dict


def request_model(tab: str) -> type[BaseModel]:
    """Return the pydantic model of a tab's jobs: the processing class' fields in their ranges, and what only the API has."""
    from modules import processing

    classes = {"txt2img": processing.StableDiffusionProcessingTxt2Img, "img2img": processing.StableDiffusionProcessingImg2Img}
    hints, fields = type_hints(classes[tab]), {}
    for name, parameter in inspect.signature(classes[tab].__init__).parameters.items():
        if name not in NOT_BY_API:
            default = parameter.default if isinstance(parameter.default, (*JSON_TYPES, type(None))) else None
            fields[name] = field_of(name, hints.get(name, Any), default)
    fields |= FURTHER_IMG2IMG | FURTHER if tab == "img2img" else FURTHER
    return create_model(f"{tab}_request", __config__=CONFIG, **fields)


def field_of(name: str, annotation: Any, default: Any) -> tuple[Any, Any]:
    """Return (type, field) for pydantic; null is allowed and stands for the default."""
    kind = field_type(annotation)
    if kind not in (int | None, float | None):
        return kind, default
    low, high = limits_of(name)
    finite = {"allow_inf_nan": False} if kind == (float | None) else {}
    return kind, Field(default, ge=low, le=high, **finite)


def field_type(annotation: Any) -> Any:
    """Return the JSON type of a processing field, or None; Any, which is not checked, for other types."""
    for kind in (annotation, *typing.get_args(annotation)):
        plain = typing.get_origin(kind) or kind
        if plain in JSON_TYPES:
            return plain | None
    return Any


def type_hints(cls: type) -> dict[str, Any]:
    """Return a class' annotations as types; one that cannot be evaluated counts as Any."""
    hints: dict[str, Any] = {}
    for base in reversed(cls.__mro__):
        names = vars(inspect.getmodule(base) or typing)
        hints |= {name: evaluated(annotation, names) for name, annotation in inspect.get_annotations(base).items()}
    return hints


def evaluated(annotation: Any, names: dict[str, Any]) -> Any:
    if not isinstance(annotation, str):
        return annotation
    try:
        return eval(annotation, dict(names))  # nosec B307
    except Exception:
        return Any


def known_fields(request: BaseModel) -> dict[str, Any]:
    """Return the model's fields by name, with pydantic 1 and 2."""
    return getattr(type(request), "model_fields", None) or type(request).__fields__


def given_fields(request: BaseModel) -> set[str]:
    """Return the names of the fields that the request itself has."""
    return getattr(request, "model_fields_set", None) or request.__fields_set__
