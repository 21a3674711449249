"""The WebUIs' HTTP API on this host: jobs, progress and script lists; other lists are in `lists`."""

from __future__ import annotations

from collections.abc import Callable
from functools import cache
from threading import Lock
from typing import Any

from fastapi import FastAPI
from fastapi.exceptions import HTTPException
from modules import infotext_utils, sd_samplers, shared

from .. import jobs, progress
from ..errors import HostError
from ..flags import accounts
from ..images import decode_image, encode_image
from ..payload import check_depth, check_settings, find_script, processing_fields, script_arguments
from . import lists, schemas
from .login import api_guards

PREFIX = "/sdapi/v1/"
TABS = ("txt2img", "img2img")
ARGUMENT = ("value", "minimum", "maximum", "step")


def add_routes(app: FastAPI) -> None:
    """Add the API to an application, with the login that --api-auth asks for; the scripts' panels must be built."""
    guards = api_guards(accounts(shared.cmd_opts.api_auth))
    jobs_of_tabs = {tab: job_endpoint(tab) for tab in TABS}
    refreshes = dict.fromkeys(("refresh-checkpoints", "refresh-vae", "refresh-embeddings", "refresh-loras"), lists.nothing)
    post = {**jobs_of_tabs, "interrupt": interrupt, "skip": skip, "png-info": png_info, "options": lists.set_options, **refreshes}
    get = {"progress": job_progress, "scripts": script_names, "script-info": script_infos, **lists.ROUTES}
    for method, endpoints in (("POST", post), ("GET", get)):
        for name, endpoint in endpoints.items():
            app.add_api_route(PREFIX + name, endpoint, methods=[method], dependencies=guards)
    app.add_api_route("/internal/progress", page_progress, methods=["POST"])
    app.add_api_route("/internal/pending-tasks", pending_tasks, methods=["GET"])


def job_endpoint(tab: str) -> Callable:
    """Return the endpoint that runs a tab's jobs. As in the WebUIs, its first job builds the panels for their defaults."""
    lock, defaults = Lock(), cache(lambda: jobs.runner_of(tab).default_script_args())

    def endpoint(request) -> schemas.GenerationResponse:
        with lock:
            known = defaults()
        return run_request(tab, request, known)

    endpoint.__annotations__.update(request=schemas.request_model(tab), **{"return": schemas.GenerationResponse})
    endpoint.__name__ = tab
    return endpoint


def run_request(tab: str, request: Any, defaults: list) -> schemas.GenerationResponse:
    """Run one request in its turn and return its images. Raises HTTPException, HostError, or what the job raises."""
    if tab == "img2img" and not request.init_images:
        raise HTTPException(404, "Init image not found")
    check_depth(dict(request))
    runner = jobs.runner_of(tab)
    from_infotext = apply_infotext(request, tab)
    arguments = [from_infotext.get(index, value) for index, value in enumerate(defaults)]
    check_sampler(request.sampler_name or request.sampler_index or "Euler")
    fields = processing_fields(tab, dict(request))
    check_settings(fields.get("override_settings") or {})
    arguments = script_arguments(runner, arguments, request.alwayson_scripts)
    if request.script_name:
        script = find_script(request.script_name, runner.selectable_scripts)
        arguments[script.args_from:script.args_to] = request.script_args or []
        arguments[0] = runner.selectable_scripts.index(script) + 1
    result = jobs.run(tab, fields, arguments, request.force_task_id)
    images = [*result.images, *getattr(result, "extra_images", ())] if request.send_images else []
    parameters = dict(request)
    if tab == "img2img" and not request.include_init_images:
        parameters["init_images"] = parameters["mask"] = None
    return schemas.GenerationResponse(images=[encode_image(image) for image in images], parameters=parameters, info=result.js())


def check_sampler(name: str) -> None:
    """Raise HTTPException (400, as the WebUIs answer) unless a name is a sampler's, perhaps followed by a schedule's."""
    if not any(f"{name.lower()} ".startswith(f"{known} ") for known in sd_samplers.samplers_map):
        raise HTTPException(400, "Sampler not found")


def apply_infotext(request: Any, tab: str) -> dict[int, Any]:
    """Fill the fields that the request leaves open from its infotext. Returns {argument number: value} for the scripts."""
    if not request.infotext:
        return {}
    runner = jobs.runner_of(tab)
    entries = infotext_utils.parse_generation_parameters(request.infotext)
    places = {id(component): number for number, component in enumerate(runner.inputs)}
    open_fields = schemas.known_fields(request).keys() - schemas.given_fields(request)
    arguments: dict[int, Any] = {}
    of_tab = infotext_utils.paste_fields.get(tab, {}).get("fields", [])
    for field in [*of_tab, *map(infotext_utils.as_paste_field, runner.infotext_fields)]:
        value = infotext_utils.value_for(field, entries)
        value = value.get("value") if infotext_utils.is_update(value) else value
        if value is None or getattr(field.component, "type", None) == "index":  # texts of a choice; the WebUIs leave these out
            continue
        if field.api in open_fields:
            setattr(request, field.api, cast_entry(field, getattr(request, field.api), value))
        elif id(field.component) in places and field.api is None:
            arguments[places[id(field.component)]] = cast_entry(field, field.component.value, value)
    return arguments


def cast_entry(field: Any, current: Any, value: Any) -> Any:
    """Return an infotext's value in the type of a field's current one. Raises HostError."""
    try:
        return infotext_utils.cast_like(current, value)
    except ValueError as error:
        raise HostError(f"`infotext` has {str(value)[:60]!r} for {field.label or field.api}; it must be a number.") from error


def job_progress(skip_current_image: bool = False) -> schemas.ProgressResponse:
    state = shared.state
    fraction = progress.done_fraction(state)
    image = None
    if state.job_count and not skip_current_image:
        state.set_current_image()
        image = state.current_image
    return schemas.ProgressResponse(
        progress=max(fraction, 0.01) if state.job_count else 0, eta_relative=progress.seconds_left(state, fraction) or 0,
        state=state.dict(), textinfo=state.textinfo, current_task=progress.tasks.running,
        current_image=encode_image(image) if image is not None else None)


def page_progress(req: schemas.ProgressRequest) -> dict[str, Any]:
    return progress.task_progress(req.id_task, req.id_live_preview, req.live_preview)


def pending_tasks() -> dict[str, Any]:
    waiting = progress.tasks.waiting
    return {"size": len(waiting), "tasks": list(waiting)}


def interrupt() -> dict:
    shared.state.interrupt()
    return lists.nothing()


def skip() -> None:
    return shared.state.skip()


def script_names() -> dict[str, list[str]]:
    return {tab: [script.name for script in jobs.runner_of(tab).scripts if script.name] for tab in TABS}


def script_infos() -> list[schemas.ScriptInfo]:
    """Return every script with its components, in the order of their values."""
    return [schemas.ScriptInfo(name=script.name, is_img2img=script.is_img2img, is_alwayson=script.alwayson,
                               args=[script_arg(component) for component in script.controls or ()])
            for tab in TABS for script in jobs.runner_of(tab).scripts]


def script_arg(component: Any) -> schemas.ScriptArg:
    choices = getattr(component, "choices", None)
    if choices is not None:
        choices = [choice[0] if isinstance(choice, tuple) else choice for choice in choices]
    return schemas.ScriptArg(label=getattr(component, "label", None) or "", choices=choices,
                             **{name: getattr(component, name, None) for name in ARGUMENT})


def png_info(req: schemas.PNGInfoRequest) -> schemas.PNGInfoResponse:
    """Read the infotext of an image."""
    from modules import images, script_callbacks

    infotext, items = images.read_info_from_image(decode_image(req.image.strip(), "image"))
    params = infotext_utils.parse_generation_parameters(infotext or "")
    script_callbacks.infotext_pasted_callback(infotext or "", params)
    return schemas.PNGInfoResponse(info=infotext or "", items=items, parameters=params)
