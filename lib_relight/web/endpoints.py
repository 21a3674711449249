"""Our addresses on the host's FastAPI application: who may use them, how much they take, what they answer."""

from __future__ import annotations

import asyncio
import json
import threading
import traceback
from collections.abc import Callable

from fastapi import HTTPException, Request
from fastapi.concurrency import run_in_threadpool
from fastapi.responses import JSONResponse, Response
from fastapi.security import HTTPBasic

from ..base.errors import RelightError, UserError, message_for
from ..base.progress import Stopped

MAX_BYTES = 96 * 2**20
"""Of one request: three pictures of 16 megapixels as PNG, in base64."""
STOPPED = 409
PAGE_LOGIN, API_ROUTE = "/login_check", "/sdapi/v1/txt2img"


def add_get(app, path: str, handler: Callable[..., dict | Response], method: str = "GET") -> None:
    """handler(**path parameters) runs in a thread; what it returns is the answer. Errors are answered as add_post's."""

    async def endpoint(request: Request):
        await check_user(app, request)
        return await answer(run_in_threadpool(handler, **request.path_params))

    app.add_api_route(path, endpoint, methods=[method])


def add_post(app, path: str, handler: Callable[..., dict], method: str = "POST") -> None:
    """handler(body, stop, **path parameters) runs in a thread, so that the host's event loop goes on. body: the JSON object sent.

    stop is set when the client has gone away. User errors become 422 with their sentence in `detail`, Stopped 409.
    """

    async def endpoint(request: Request):
        await check_user(app, request)
        try:
            body = await read_json(request)
        except RelightError as error:
            return JSONResponse({"detail": error.detail}, error.status_code)
        stop = threading.Event()
        return await answer(unless_gone(request, run_in_threadpool(handler, body, stop, **request.path_params), stop))

    app.add_api_route(path, endpoint, methods=[method])


async def check_user(app, request: Request) -> None:
    """Who may use the page or the API may use these: a login at the page, the API's name and password, or neither asked for.

    Raises HTTPException 401. Each guard is the host's own function, taken from a route that the host itself guards.
    """
    page, api = route_of(app, PAGE_LOGIN), route_of(app, API_ROUTE)
    if page is not None and (not needs_login(app) or user_of_page(page, request) is not None):
        return
    if api is not None and await api_admits(api, request):
        return
    if page is None and api is None:
        return
    raise HTTPException(401, "Relight's addresses need the same login as this WebUI's page or its API; log in, or send the API's "
                             "name and password.")


def route_of(app, path: str):
    return next((route for route in app.routes if getattr(route, "path", None) == path), None)


def needs_login(app) -> bool:
    return getattr(app, "auth", None) is not None or getattr(app, "auth_dependency", None) is not None


def user_of_page(route, request: Request):
    return next((part.call(request) for part in route.dependant.dependencies), None)


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
    """The body's JSON object. Raises RelightError for too many bytes (413), another content type (415: browsers let any web
    page send those to a WebUI on the same machine) and for what is no object (422)."""
    kind = request.headers.get("content-type", "")
    if "json" not in kind:
        raise RelightError(f"The request's body is {kind[:60] or 'of no type'}; send JSON with the header Content-Type: "
                           "application/json.", 415)
    body = bytearray()
    async for part in request.stream():
        body += part
        if len(body) > MAX_BYTES:
            raise RelightError(f"The request has more than {MAX_BYTES // 2**20} MB; send smaller pictures, or as JPEG.", 413)
    try:
        payload = json.loads(bytes(body) or b"{}")
    except ValueError as error:
        raise RelightError(f"The request's body is no JSON ({error}); send an object such as "
                           "{\"iclight\": {\"light\": \"left\"}}.") from error
    if not isinstance(payload, dict):
        raise RelightError(f"The request's body is {type(payload).__name__}; it must be an object such as "
                           "{\"iclight\": {\"light\": \"left\"}}.")
    return payload


async def unless_gone(request: Request, work, stop: threading.Event) -> dict:
    """The work's result; stop is set when the client goes away first, and the work's end is waited for all the same."""
    task, gone = asyncio.ensure_future(work), asyncio.ensure_future(client_gone(request))
    try:
        await asyncio.wait({task, gone}, return_when=asyncio.FIRST_COMPLETED)
        if not task.done():
            stop.set()
        return await asyncio.shield(task)
    finally:
        stop.set()
        gone.cancel()


async def client_gone(request: Request) -> None:
    while (await request.receive())["type"] != "http.disconnect":
        pass


async def answer(work) -> Response:
    try:
        made = await work
        return made if isinstance(made, Response) else JSONResponse(made)
    except Stopped:
        return JSONResponse({"detail": "The preview was cancelled."}, STOPPED)
    except UserError as error:
        return JSONResponse({"detail": message_for(error)}, getattr(error, "status_code", 422))
    except Exception as error:
        traceback.print_exc()
        return JSONResponse({"detail": message_for(error)}, 500)
