"""A /sdapi payload as fields of a processing object and arguments of the scripts."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from .errors import HostError
from .images import decode_image
from .limits import check_numbers

NOT_OF_THE_JOB = ("script_name", "script_args", "send_images", "infotext", "include_init_images", "sampler_index",
                  "alwayson_scripts", "save_images")
MOST_LEVELS = 100
"""Nesting of a request's values; pydantic cannot write deeper ones into the response."""
IMAGES = ("mask", "latent_mask", "firstpass_image")


def processing_fields(tab: str, payload: Mapping[str, Any]) -> dict[str, Any]:
    """Return the keyword arguments of the tab's processing class; null stands for a field's default.

    Raises HostError for unknown fields, numbers outside of their range, text that is no Unicode, missing or damaged images.
    """
    from modules import processing, sd_samplers

    classes = {"txt2img": processing.StableDiffusionProcessingTxt2Img, "img2img": processing.StableDiffusionProcessingImg2Img}
    known = {name for name, field in classes[tab].__dataclass_fields__.items() if field.init}
    fields = {name: value for name, value in payload.items() if name not in NOT_OF_THE_JOB and value is not None}
    if unknown := fields.keys() - known:
        raise HostError(f"`{min(unknown)}` is not a field of {tab}.")
    check_numbers(fields)
    check_texts(fields)
    for name in IMAGES:
        if name in fields:
            fields[name] = decode_image(fields[name], name)
    if tab == "img2img":
        fields["init_images"] = [decode_image(image, "init_images") for image in fields.get("init_images") or ()]
        if not fields["init_images"]:
            raise HostError("img2img needs an image in `init_images`.")
    sampler = payload.get("sampler_name") or payload.get("sampler_index") or "Euler"
    fields["sampler_name"], fields["scheduler"] = sd_samplers.get_sampler_and_scheduler(sampler, payload.get("scheduler"))
    fields["do_not_save_samples"] = fields["do_not_save_grid"] = not payload.get("save_images")
    return fields


def check_depth(payload: Mapping[str, Any]) -> None:
    """Raise HostError for a field that is nested deeper than MOST_LEVELS."""
    for name, value in payload.items():
        level = [value]
        for _ in range(MOST_LEVELS):
            parts = [part.values() if isinstance(part, Mapping) else part for part in level if isinstance(part, (Mapping, list))]
            level = [inner for part in parts for inner in part]
        if level:
            raise HostError(f"`{name}` is nested more than {MOST_LEVELS} levels deep; send a flatter value.")


def check_texts(fields: Mapping[str, Any]) -> None:
    """Raise HostError for text with half of a surrogate pair, which cannot be written into an image file."""
    for name, value in fields.items():
        if isinstance(value, str) and any("\ud800" <= character <= "\udfff" for character in value):
            raise HostError(f"`{name}` is not valid Unicode: it has half of a surrogate pair; send the whole character.")


def check_settings(overrides: Mapping[str, Any]) -> None:
    """Raise HostError for a value of `override_settings` that does not fit its setting."""
    from modules.shared import opts

    for name, value in overrides.items():
        if problem := opts.problem(name, value):
            raise HostError(problem)


def find_script(title: str, scripts: Sequence[Any]) -> Any:
    """Return the script with this title, in any case. Raises HostError."""
    for script in scripts:
        if script.title().lower() == title.lower():
            return script
    raise HostError(f"Script '{title[:80]}' not found")


def script_arguments(runner: Any, defaults: Sequence[Any], alwayson_scripts: Mapping[str, Any] | None) -> list[Any]:
    """Return a copy of the components' defaults with the values of `{title: {"args": [...]}}` laid over by position.

    Surplus values are dropped. Raises HostError for unknown titles, scripts of the dropdown and values of another shape.
    """
    arguments = list(defaults)
    for title, settings in (alwayson_scripts or {}).items():
        script = find_script(title, runner.scripts)
        if not script.alwayson:
            raise HostError(f"'{script.title()}' is chosen in the scripts dropdown; send its title as `script_name` and its "
                            "values as `script_args`.")
        values = settings.get("args", []) if isinstance(settings, Mapping) else None
        if not isinstance(values, (list, tuple)):
            raise HostError(f"`alwayson_scripts` has {str(settings)[:60]} for '{script.title()}'; send an object with a list, "
                            "such as {\"args\": [...]}.")
        count = min(len(values), script.args_to - script.args_from)
        arguments[script.args_from:script.args_from + count] = values[:count]
    return arguments
