"""JSON Schema of the endpoints' bodies for the host's OpenAPI document."""

from __future__ import annotations

from ...lib_common.json_schema import Schema
from ..request.request import TABS
from ..request.schema import BASE64, request_properties, request_schema
from .previews import LARGEST, MAX_INIT_IMAGES, SMALLEST

TAB = {"type": "string", "enum": list(TABS)}
CANCEL = {"type": "object", "properties": {"id": {"description": "Of the previews to cancel; all without it."}}}

GET_MODEL = {"type": "object", "properties": {"accept_licence": {
    "type": "boolean", "default": False, "description": "Whether the user has accepted the licence of a non-commercial file."}}}


def check_body() -> Schema:
    """Return the schema of POST /check; its other fields are those of the host's jobs."""
    fields = {"tab": TAB, "denoising_strength": {"type": "number"}, "enable_hr": {"type": "boolean"},
              "batch_size": {"type": "integer"}, "init_images": {"type": "array"},
              "refiner_checkpoint": {"type": ["string", "null"]},
              "alwayson_scripts": {"type": "object", "description": "As of a job, instead of `iclight` and `ip_adapter`."}}
    return {"type": "object", "properties": {**request_properties(), **fields}}


def preview_body() -> Schema:
    """Return the schema of POST /preview/{kind}."""
    flag = {"type": "boolean", "default": False}
    fields = {
        "tab": TAB, "width": whole(SMALLEST, LARGEST, 512), "height": whole(SMALLEST, LARGEST, 512),
        "init_images": {"type": "array", "items": BASE64, "maxItems": MAX_INIT_IMAGES}, "resize_mode": whole(0, 3, 0),
        "mask": BASE64, "mask_blur": whole(0, 64, 4), "inpaint_full_res": flag,
        "inpaint_full_res_padding": whole(0, 256, 0), "inpainting_mask_invert": flag,
        "unit": {"type": "integer", "minimum": 1, "maximum": 4}, "id": {"description": "Your choice, for /preview/cancel."}}
    request = request_schema()
    return {**request, "description": "A request, and fields of its job.", "properties": {**request["properties"], **fields}}


def whole(low: int, high: int, default: int) -> Schema:
    return {"type": "integer", "minimum": low, "maximum": high, "default": default}
