"""JSON Schema (draft 2020-12) of the object that Relight takes in `args`; it accepts what `request.parse_api` accepts.

The schema is stricter in a few places: choices are case-sensitive, and disabled parts are described like enabled ones.
It cannot express rules that compare fields (`start` and `end`, the sides of `crop_box`, masks and images), nor image files.
"""

from __future__ import annotations

from itertools import combinations

from ...lib_common.json_schema import Schema, properties_of
from ...lib_iclight.light_kinds import COMPUTED_LIGHTS
from ...lib_iclight.params import LIGHT_FIELDS, IcLightParams
from ...lib_ipadapter.encode.faces import FACE_WIDTH
from ...lib_ipadapter.params import ALIASES, IGNORED, IGNORED_WHEN_EMPTY, IpAdapterParams
from .ip_adapter_unit import MAX_FACES, MAX_UNITS, SUBJECT

DRAFT = "https://json-schema.org/draft/2020-12/schema"
ICLIGHT_IMAGES = {
    "foreground": "The subject. Needed in txt2img; in img2img the init image is the subject when this is left out.",
    "background": "The scene behind the subject, for the fbc model.",
    "light_map": "Your own light map, with `light` set to `custom`.",
    "mask": "White where the subject is, with `matting` set to `mask` or `auto`.",
    "normal_map": "The subject's normals (OpenGL: x right, y up) for lights with `light_elevation`, such as the set `normals` "
                  "makes; `\"matte\"`, or without one, a shape is made from the matte. It lies on the subject's image, and "
                  "`place` moves both.",
    "light_from": "A photograph whose light is copied: up to three lights and ambient light, found on its subject, are put "
                  "before `lights`; the infotext has them as numbers.",
}
UNIT_IMAGES = {
    "image": f"What to prompt with: one image or a list of them. `\"{SUBJECT}\"` takes the job's own subject on grey.",
    "mask": f"Where in the output the unit works (white). `\"{SUBJECT}\"` takes the subject's matte.",
    "image_mask": "Which part of the image the encoder sees (white).",
    "negative_image": "The image for the negative side, with `uncond` set to `image`.",
}
ENABLED = {"type": "boolean", "default": True, "description": "False disables this part."}
NULL = {"type": "null"}
BASE64 = {"type": "string", "contentEncoding": "base64", "contentMediaType": "image/png"}
"""PNG stands for all formats that are opened."""
GIVEN_IMAGE = {"anyOf": [{**BASE64, "minLength": 1},
                         {"type": "object", "properties": {"image": {**BASE64, "minLength": 1}}, "required": ["image"]}]}
DISABLED = {"properties": {"enabled": {"const": False}}, "required": ["enabled"]}


def request_schema() -> Schema:
    """Return the schema of {"iclight": {...}, "ip_adapter": [{...}], "enabled": true}."""
    nothing_to_do = [DISABLED, {"properties": {"iclight": {"type": "object"}}, "required": ["iclight"]},
                     {"properties": {"ip_adapter": {"anyOf": [{"type": "object"}, {"type": "array", "minItems": 1}]}},
                      "required": ["ip_adapter"]}]
    return {"$schema": DRAFT, "title": "Relight", "description": "The object in `args` of `alwayson_scripts.Relight`.",
            "type": "object", "properties": request_properties(), "additionalProperties": False, "anyOf": nothing_to_do}


def request_properties() -> dict[str, Schema]:
    enabled_unit = {"not": DISABLED}
    units = {"type": "array", "items": unit_schema(), "contains": enabled_unit, "minContains": 0, "maxContains": MAX_UNITS}
    return {"enabled": ENABLED, "iclight": {"anyOf": [iclight_schema(), NULL]},
            "ip_adapter": {"description": f"One unit, or a list of which at most {MAX_UNITS} are enabled.",
                           "anyOf": [unit_schema(), units, NULL]}}


def iclight_schema() -> Schema:
    properties = properties_of(IcLightParams)
    light = {name: properties[name] for name in LIGHT_FIELDS}
    light["light"] = {**light["light"], "enum": list(COMPUTED_LIGHTS)}
    del light["light"]["default"]
    properties["lights"]["items"] = {"type": "object", "properties": light, "required": ["light"], "additionalProperties": False}
    images = {name: {"description": text, "anyOf": [*image_forms(), NULL]} for name, text in ICLIGHT_IMAGES.items()}
    return {"title": "iclight", "type": "object", "properties": {"enabled": ENABLED, **images, **properties},
            "additionalProperties": False}


def image_forms(mask: Schema = NULL) -> list[Schema]:
    """Return the schemas of one image: base64, or an object with the image and its mask."""
    return [BASE64, {"type": "object", "properties": {"image": BASE64, "mask": mask}, "required": ["image"]}]


def unit_schema() -> Schema:
    own = {"enabled": ENABLED, **unit_inputs(), **properties_of(IpAdapterParams)}
    own["model"] = {**own["model"], "minLength": 1}
    aliases = {name: {"description": f"Another name of `{target}`.", "x-alias-of": target,
                      "anyOf": [without_notes(own[target]), NULL]} for name, target in ALIASES.items()}
    ignored = {name: {"description": "Of the ControlNet API; ignored."} for name in IGNORED}
    empty = {name: {"description": "Of the ControlNet API; must be empty.", "enum": [None, False, "", [], {}]}
             for name in IGNORED_WHEN_EMPTY}
    box = {"if": {"properties": {"crop": {"const": "box"}}, "required": ["crop"]},
           "then": {"properties": {"crop_box": {"minItems": 1}}, "required": ["crop_box"]}}
    return {"title": "ip_adapter unit", "description": "`start` <= `end`; in `crop_box`, left < right and top < bottom.",
            "type": "object", "properties": {**own, **aliases, **ignored, **empty}, "additionalProperties": False,
            "allOf": [{"if": DISABLED, "else": {"anyOf": given_inputs()}}, box, *one_name_each()]}


def unit_inputs() -> dict[str, Schema]:
    """Return the schemas of a unit's images, one or a list of them, and of its face embedding."""
    inputs = {}
    for name, text in UNIT_IMAGES.items():
        forms = image_forms(BASE64 if name == "image" else NULL)
        inputs[name] = {"description": text, "anyOf": [*forms, {"type": "array", "items": {"anyOf": forms}}, NULL]}
    inputs["negative_image"]["anyOf"][2]["maxItems"] = 1
    face = {"type": "array", "items": {"type": "number", "exclusiveMinimum": -1e30, "exclusiveMaximum": 1e30},
            "minItems": FACE_WIDTH, "maxItems": FACE_WIDTH, "contains": {"not": {"const": 0}}}
    inputs["embedding"] = {
        "description": f"Instead of `image`, for FaceID: the {FACE_WIDTH} numbers of ArcFace, or a list of them for each face.",
        "anyOf": [face, {"type": "array", "items": face, "maxItems": MAX_FACES}, NULL]}
    return inputs


def given_inputs() -> list[Schema]:
    """Return one schema for each input that makes a unit complete."""
    images = {"anyOf": [*GIVEN_IMAGE["anyOf"], {"type": "array", "items": GIVEN_IMAGE, "minItems": 1}]}
    names = ["image", *(alias for alias, target in ALIASES.items() if target == "image")]
    return [*({"properties": {name: images}, "required": [name]} for name in names),
            {"properties": {"embedding": {"type": "array", "minItems": 1}}, "required": ["embedding"]}]


def one_name_each() -> list[Schema]:
    """Return the schemas that forbid a field together with its alias, and two aliases of one field."""
    names = {target: [target, *(alias for alias in ALIASES if ALIASES[alias] == target)] for target in ALIASES.values()}
    return [{"not": {"required": list(pair)}} for group in names.values() for pair in combinations(group, 2)]


def without_notes(schema: Schema) -> Schema:
    return {key: value for key, value in schema.items() if key not in ("title", "description", "default")}
