"""Routes on the host's FastAPI application: access, limits of a request, errors, cancellation."""

from __future__ import annotations

import asyncio
import json
import re
import threading
import traceback
from collections.abc import Callable
from concurrent.futures import Executor, ThreadPoolExecutor
from functools import partial

from fastapi import FastAPI, HTTPException, Request
from fastapi.responses import JSONResponse, Response
from fastapi.security import HTTPBasic

from ...lib_common.json_schema import Schema
from ..base.errors import RelightError, is_bug, message_for, status_of
from ..base.progress import Stopped
from .origins import check_origin

MAX_BYTES = 96 * 2**20
"""Limit of a request body: three images of 16 megapixels as PNG in base64."""
MAX_DEPTH = 100
QUICK = ThreadPoolExecutor(4, "relight-quick")
SLOW = ThreadPoolExecutor(16, "relight-slow")
"""Own threads: queued jobs occupy the host's. SLOW is for previews, most of whose threads wait for their turn."""
CANCELLED = 409
OBJECT = {"type": "object"}
ERROR = {"type": "object", "properties": {"detail": {"type": "string", "description": "One sentence."}}, "required": ["detail"]}
ERRORS = {status: {"description": "One sentence in `detail`", "content": {"application/json": {"schema": ERROR}}}
          for status in (401, 403, 404, 409, 413, 415, 422, 500, 503, 507)}
PAGE_LOGINS, API_ROUTE = ("/login_check", "/config"), "/sdapi/v1/txt2img"
"""Routes that depend on the page's login; gradio 5 and 6 have the first one in a router that hides its path."""


def add_get(app: FastAPI, path: str, handler: Callable[..., dict | Response], method: str = "GET") -> None:
    """Route path to handler(**path parameters), which runs in a thread and returns the response. Errors are as in add_post."""

    async def endpoint(request: Request) -> Response:
        await check_user(app, request)
        return await respond(in_thread(QUICK, handler, **request.path_params))

    app.add_api_route(path, endpoint, methods=[method], responses=ERRORS, openapi_extra=operation(path, None))


def add_post(app: FastAPI, path: str, handler: Callable[..., dict], method: str = "POST", pool: Executor = QUICK,
             schema: Schema = OBJECT) -> None:
    """Route path to handler(body, stop, **path parameters), which runs in a thread of pool. body: the JSON object sent, described
    by schema in the host's OpenAPI document.

    stop is set when the client disconnects. User errors return 422 with their sentence in `detail`, Stopped 409.
    """

    async def endpoint(request: Request) -> Response:
        await check_user(app, request)
        try:
            body = await read_json(request)
        except RelightError as error:
            return JSONResponse({"detail": error.detail}, error.status_code)
        stop = threading.Event()
        return await respond(until_disconnect(request, in_thread(pool, handler, body, stop, **request.path_params), stop))

    app.add_api_route(path, endpoint, methods=[method], responses=ERRORS, openapi_extra=operation(path, schema))


def operation(path: str, body: Schema | None) -> dict:
    """Return what FastAPI adds to the OpenAPI operation of a path: its parameters and its body."""
    names = re.findall(r"{(\w+)}", path)
    parameters = [{"name": name, "in": "path", "required": True, "schema": {"type": "string"}} for name in names]
    content = {"required": True, "content": {"application/json": {"schema": body}}}
    return {**({"parameters": parameters} if names else {}), **({"requestBody": content} if body is not None else {})}


async def in_thread(pool: Executor, handler: Callable, *args, **kwargs):
    return await asyncio.get_running_loop().run_in_executor(pool, partial(handler, *args, **kwargs))


async def check_user(app: FastAPI, request: Request) -> None:
    """Accept a login at the page, the API's name and password, or any request if neither is configured. Raises HTTPException
    401 without a login, and 403 for requests of foreign web pages.

    Each guard is the host's own dependency, taken from a route that the host protects.
    """
    await check_login(app, request)
    page, api = route_of(app, *PAGE_LOGINS), route_of(app, API_ROUTE)
    has_login = needs_login(app) if page is not None else api is not None and bool(api.dependencies)
    try:
        check_origin(request.headers, has_login)
    except RelightError as error:
        raise HTTPException(error.status_code, error.detail) from error


async def check_login(app: FastAPI, request: Request) -> None:
    page, api = route_of(app, *PAGE_LOGINS), route_of(app, API_ROUTE)
    if page is not None and (not needs_login(app) or user_of_page(page, request) is not None):
        return
    if api is not None and await api_admits(api, request):
        return
    if page is None and api is None:
        return
    raise HTTPException(401, "Relight's addresses need the same login as this WebUI's page or its API; log in, or send the API's "
                             "name and password.")


def route_of(app: FastAPI, *paths: str):
    """Return the route of the first of the paths that the application has, None without any."""
    routes = {getattr(route, "path", None): route for route in reversed(app.routes)}
    return next((routes[path] for path in paths if path in routes), None)


def needs_login(app: FastAPI) -> bool:
    return getattr(app, "auth", None) is not None or getattr(app, "auth_dependency", None) is not None


def user_of_page(route, request: Request):
    """Return the user that is logged in at the page, by the innermost dependency of one of its routes; None without a login."""
    guard = route.dependant
    while guard.dependencies:
        guard = guard.dependencies[0]
    return None if guard is route.dependant else guard.call(request)


async def api_admits(route, request: Request) -> bool:
    guards = [part.dependency for part in route.dependencies]
    if not guards:
        return True
    credentials = await HTTPBasic(auto_error=False)(request)
    if credentials is None:
        return False
    try:
        return all(guard(credentials) for guard in guards)
    except HTTPException:
        return False


async def read_json(request: Request) -> dict:
    """Return the body's JSON object. Raises RelightError for too many bytes (413), another content type (415: browsers let any
    web page send those to a WebUI on the same machine) and for a body that is not an object (422)."""
    media_type = request.headers.get("content-type", "").split(";")[0].strip().lower()
    if media_type != "application/json" and not re.fullmatch(r"application/[\w.-]+\+json", media_type):
        raise RelightError(f"The request's body is {media_type[:60] or 'of no type'}; send JSON with the header Content-Type: "
                           "application/json.", 415)
    body = bytearray()
    async for part in request.stream():
        body += part
        if len(body) > MAX_BYTES:
            raise RelightError(f"The request has more than {MAX_BYTES // 2**20} MB; send smaller images, or as JPEG.", 413)
    try:
        payload = json.loads(bytes(body) or b"{}")
        reject_depth(payload)
    except (ValueError, RecursionError) as error:
        raise RelightError(f"The request's body is not valid JSON ({str(error)[:120]}); send an object such as "
                           "{\"iclight\": {\"light\": \"left\"}}.") from error
    if not isinstance(payload, dict):
        raise RelightError(f"The request's body is {type(payload).__name__}; it must be an object such as "
                           "{\"iclight\": {\"light\": \"left\"}}.")
    return payload


def reject_depth(payload: object) -> None:
    """Raise ValueError for a value nested deeper than MAX_DEPTH, which some Pythons parse, but nothing can print."""
    level = [payload]
    for _ in range(MAX_DEPTH):
        level = [child for part in level if isinstance(part, (list, dict))
                 for child in (part.values() if isinstance(part, dict) else part)]
    if level:
        raise ValueError(f"nested more than {MAX_DEPTH} times")


async def until_disconnect(request: Request, work, stop: threading.Event) -> dict:
    """Return the work's result. stop is set if the client disconnects first; the work is still awaited."""
    task, gone = asyncio.ensure_future(work), asyncio.ensure_future(client_disconnected(request))
    try:
        await asyncio.wait({task, gone}, return_when=asyncio.FIRST_COMPLETED)
        if not task.done():
            stop.set()
        return await asyncio.shield(task)
    finally:
        stop.set()
        gone.cancel()


async def client_disconnected(request: Request) -> None:
    while (await request.receive())["type"] != "http.disconnect":
        pass


async def respond(work) -> Response:
    try:
        result = await work
        return result if isinstance(result, Response) else JSONResponse(result)
    except Stopped:
        return JSONResponse({"detail": "The preview was cancelled."}, CANCELLED)
    except Exception as error:
        if is_bug(error):
            traceback.print_exc()
        return JSONResponse({"detail": message_for(error)}, status_of(error))
