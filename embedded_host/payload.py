"""A /sdapi payload as fields of a StableDiffusionProcessing and arguments of the scripts."""

from __future__ import annotations

import base64
import io

from PIL import Image

from .errors import HostError

DROPPED = ("script_name", "script_args", "send_images", "infotext", "include_init_images", "sampler_index")
PICTURES = ("mask", "latent_mask", "firstpass_image")


def split_payload(kind: str, payload: dict) -> tuple[dict, dict]:
    """(fields of the processing object, {"alwayson_scripts"}). Raises HostError for a field nobody knows."""
    from modules import processing, sd_samplers

    payload = dict(payload)
    options = {"alwayson_scripts": payload.pop("alwayson_scripts", None) or {}}
    save = payload.pop("save_images", False)
    sampler = payload.get("sampler_name") or payload.get("sampler_index") or "Euler"
    for name in DROPPED:
        payload.pop(name, None)
    classes = {"txt2img": processing.StableDiffusionProcessingTxt2Img, "img2img": processing.StableDiffusionProcessingImg2Img}
    known = {name for name, field in classes[kind].__dataclass_fields__.items() if field.init}
    for name in payload:
        if name not in known:
            raise HostError(f"`{name}` is not a field of {kind}.")
    for name in PICTURES:
        if payload.get(name) is not None:
            payload[name] = decode_picture(payload[name], name)
    if kind == "img2img":
        payload["init_images"] = [decode_picture(x, "init_images") for x in payload.get("init_images") or ()]
        if not payload["init_images"]:
            raise HostError("img2img needs a picture in `init_images`.")
    name, scheduler = sd_samplers.get_sampler_and_scheduler(sampler, payload.get("scheduler"))
    payload.update(sampler_name=name, scheduler=scheduler, do_not_save_samples=not save, do_not_save_grid=not save)
    return payload, options


def decode_picture(value, name: str) -> Image.Image:
    """PIL as it is; base64, with or without `data:…,` in front, decoded."""
    if isinstance(value, Image.Image):
        return value
    try:
        encoded = value.split(",", 1)[1] if value.startswith("data:") else value
        image = Image.open(io.BytesIO(base64.b64decode(encoded)))
        image.load()
        return image
    except Exception as error:
        raise HostError(f"`{name}`: not a picture in base64.") from error


def script_arguments(runner, defaults: list, alwayson_scripts: dict) -> list:
    """The default of every component, with `{title: {"args": […]}}` laid over by position, as the API does it."""
    arguments = list(defaults)
    for title, given in alwayson_scripts.items():
        script = next((x for x in runner.scripts if x.title().lower() == title.lower()), None)
        if script is None:
            raise HostError(f"always on script {title} not found")
        values = given.get("args") or []
        count = min(len(values), script.args_to - script.args_from)
        arguments[script.args_from:script.args_from + count] = values[:count]
    return arguments
