"""What a request that failed is answered with: the hosts' JSON.

The console gets a traceback, or one line when the request itself was wrong (status below 500).
"""

from __future__ import annotations

from fastapi.encoders import jsonable_encoder
from fastapi.exceptions import HTTPException
from fastapi.responses import JSONResponse

from modules import errors


def answer(error):
    """{"error", "detail", "body", "errors", "message"} with the status that the exception carries, or 500."""
    attributes = vars(error)
    sentence = str(error.detail) if isinstance(error, HTTPException) else str(error)
    content = {
        "error": type(error).__name__,
        "detail": attributes.get("detail", ""),
        "body": attributes.get("body", ""),
        "errors": sentence,
        "message": sentence,
    }
    return JSONResponse(status_code=int(attributes.get("status_code", 500)), content=jsonable_encoder(content))


class FailureAnswers:
    """ASGI middleware: turns an exception below it into `answer`."""

    def __init__(self, app):
        self.app = app

    async def __call__(self, scope, receive, send):
        started = False

        async def watched_send(message):
            nonlocal started
            started = started or message["type"] == "http.response.start"
            await send(message)

        try:
            await self.app(scope, receive, watched_send)
        except Exception as error:
            if scope["type"] != "http" or started:
                raise
            reply = answer(error)
            mistake = f": {error}" if reply.status_code < 500 else ""
            errors.report(f"API error: {scope['method']} {scope['path']}{mistake}", exc_info=not mistake)
            await reply(scope, receive, send)


def install(app):
    app.add_middleware(FailureAnswers)

    @app.exception_handler(HTTPException)
    async def http_exception(_request, error):
        return answer(error)
