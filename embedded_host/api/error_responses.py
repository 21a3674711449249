"""What the API answers when a request is invalid or a job fails: the WebUIs' JSON.

The console gets the traceback of our own errors, and one line where the request was wrong (status below 500).
"""

from __future__ import annotations

from typing import Any

from fastapi import FastAPI, Request
from fastapi.encoders import jsonable_encoder
from fastapi.exceptions import HTTPException, RequestValidationError
from fastapi.responses import JSONResponse
from modules import errors

from ...lib_relight.base.errors import INSUFFICIENT_STORAGE, OUT_OF_MEMORY, is_out_of_memory, unwritable

LONGEST_MESSAGE = 500


def response_for(error: Exception) -> JSONResponse:
    """Return {"error", "detail", "body", "errors", "message"} with the status that the exception carries, or 500."""
    if is_out_of_memory(error):
        error = HTTPException(INSUFFICIENT_STORAGE, OUT_OF_MEMORY)
    if message := unwritable(error):
        error = HTTPException(INSUFFICIENT_STORAGE, message)
    carried = vars(error)
    message = clean(carried["detail"] if isinstance(error, HTTPException) else error)
    content = {"error": type(error).__name__, "detail": clean(carried.get("detail", "")), "body": clean(carried.get("body", "")),
               "errors": message, "message": message}
    return JSONResponse(jsonable_encoder(content), int(carried.get("status_code", 500)))


def validation_response(error: RequestValidationError) -> JSONResponse:
    """Return FastAPI's 422, {"detail": [{"loc", "msg", "type"}]}, without the input, which may be NaN or megabytes."""
    problems = [{"loc": [part if isinstance(part, int) else clean(part) for part in problem["loc"]],
                 "msg": clean(problem["msg"]), "type": problem["type"]} for problem in error.errors()]
    return JSONResponse({"detail": problems}, 422)


def clean(text: Any) -> str:
    """Return a message as text that UTF-8 can hold, cut to LONGEST_MESSAGE characters."""
    return str(text).encode("utf-8", "replace").decode("utf-8")[:LONGEST_MESSAGE]


class ErrorResponses:
    """ASGI middleware that answers exceptions of the application below it."""

    def __init__(self, app: Any):
        self.app = app

    async def __call__(self, scope: dict, receive: Any, send: Any) -> None:
        begun = False

        async def watched(message: dict) -> None:
            nonlocal begun
            begun |= message["type"] == "http.response.start"
            await send(message)

        try:
            await self.app(scope, receive, watched)
        except Exception as error:
            if begun or scope["type"] != "http":
                raise
            response = response_for(error)
            known = response.status_code < 500 or response.status_code == INSUFFICIENT_STORAGE
            errors.report(f"API error: {scope['method']} {scope['path']}" + (f": {error}" if known else ""), exc_info=not known)
            await response(scope, receive, send)


def install(app: FastAPI) -> None:
    """Answer every error of an application in this form."""
    app.add_middleware(ErrorResponses)

    async def http_error(_: Request, error: HTTPException) -> JSONResponse:
        return response_for(error)

    async def invalid_request(_: Request, error: RequestValidationError) -> JSONResponse:
        return validation_response(error)

    app.add_exception_handler(HTTPException, http_error)
    app.add_exception_handler(RequestValidationError, invalid_request)
