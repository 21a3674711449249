"""Routes of previews, checks and status below /relight/v1."""

from __future__ import annotations

import base64
import io
import threading
from collections.abc import Mapping
from functools import partial

from PIL import Image

from ...lib_common.fields import short_repr
from ..base.errors import RelightError
from ..base.progress import Progress
from ..checks.check import check_body
from ..hosts import current_host
from ..models import catalogue
from ..models.folders import model_folders
from ..request.schema import request_schema
from . import body_schemas, endpoints, previews, running_previews, status

ROOT = "/relight/v1"


def register(demo, app) -> None:
    """on_app_started. app: the host's FastAPI application."""
    endpoints.add_get(app, f"{ROOT}/status", status.status)
    endpoints.add_get(app, f"{ROOT}/schema", request_schema)
    for kind in previews.KINDS:
        endpoints.add_post(app, f"{ROOT}/preview/{kind}", partial(preview, kind), pool=endpoints.SLOW,
                           schema=body_schemas.preview_body())
    endpoints.add_post(app, f"{ROOT}/preview/cancel", cancel, schema=body_schemas.CANCEL)
    endpoints.add_post(app, f"{ROOT}/check", check, schema=body_schemas.check_body())
    endpoints.add_get(app, f"{ROOT}/models", catalogue.models)
    endpoints.add_get(app, f"{ROOT}/models/{{name}}", catalogue.model)
    endpoints.add_post(app, f"{ROOT}/models/{{name}}/get", get_model, schema=body_schemas.GET_MODEL)
    endpoints.add_post(app, f"{ROOT}/models/{{name}}/cancel", cancel_model)
    endpoints.add_post(app, f"{ROOT}/models/{{name}}/discard", discard_model)


def preview(kind: str, body: Mapping, stop: threading.Event) -> dict:
    """Return {"images": [base64 PNG], "info": {"names": [...], ...}}."""
    with running_previews.turn(str(body.get("id", "")), stop) as progress:
        result = previews.show(kind, previews.parse_preview(body), model_folders, progress)
        return {"images": [png(image, progress) for _, image in result.images], "info": result.info}


def check(body: Mapping, stop: threading.Event) -> dict:
    """Check a job before it runs; nothing is computed or loaded. See checks.check.check_body."""
    return check_body(body, status.state_now, current_host().job_fields())


def cancel(body: Mapping, stop: threading.Event) -> dict:
    """Cancel the previews with the body's `id`, or all without one; they end at their next step."""
    wanted = body.get("id")
    return {"cancelled": running_previews.cancel(None if wanted is None else str(wanted))}


def get_model(body: Mapping, stop: threading.Event, name: str) -> dict:
    """Begin or resume the download of a known file; it continues when the client disconnects. See catalogue.get."""
    return catalogue.get(name, is_accepted(body))


def is_accepted(body: Mapping) -> bool:
    """Return the body's `accept_licence`. Raises RelightError unless it is true, false or missing."""
    value = body.get("accept_licence", False)
    if not isinstance(value, bool):
        raise RelightError(f"`accept_licence` is {short_repr(value)}; it must be true or false.")
    return value


def cancel_model(body: Mapping, stop: threading.Event, name: str) -> dict:
    """Cancel the download of a known file. See catalogue.cancel."""
    return catalogue.cancel(name)


def discard_model(body: Mapping, stop: threading.Event, name: str) -> dict:
    """Delete the unfinished download of a known file. See catalogue.discard."""
    return catalogue.discard(name)


def png(image: Image.Image, progress: Progress) -> str:
    """Return the image as PNG in base64. Raises Stopped, before encoding, if the preview was cancelled."""
    progress.check()
    buffer = io.BytesIO()
    image.save(buffer, format="PNG", compress_level=1)
    return base64.b64encode(buffer.getvalue()).decode()
