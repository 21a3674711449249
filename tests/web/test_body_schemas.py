"""The endpoints in the host's OpenAPI document, with pydantic 1 and 2."""

import json

import pytest
from fastapi import FastAPI
from sd_relight.lib_relight.web import body_schemas, endpoints, routes


@pytest.fixture(scope="module")
def operations():
    """{path: {method: operation}}"""
    app = FastAPI()
    routes.register(None, app)
    endpoints.add_post(app, "/relight/v1/presets/{name}", lambda body, stop, name: {}, "PUT")
    return json.loads(json.dumps(app.openapi()))["paths"]


def without_nulls(value):
    """As FastAPI writes a schema: entries that are null are left out."""
    if isinstance(value, dict):
        return {key: without_nulls(part) for key, part in value.items() if part is not None}
    return [without_nulls(part) for part in value] if isinstance(value, list) else value


@pytest.mark.parametrize(("path", "schema"), [("check", body_schemas.check_body()), ("preview/light", body_schemas.preview_body()),
                                              ("preview/cancel", body_schemas.CANCEL)])
def test_bodies(operations, path, schema):
    body = operations[f"/relight/v1/{path}"]["post"]["requestBody"]
    assert body["required"] and without_nulls(body["content"]["application/json"]["schema"]) == without_nulls(schema)


def test_errors_have_a_detail(operations):
    for path, methods in operations.items():
        for operation in methods.values():
            schemas = [operation["responses"][status]["content"]["application/json"]["schema"] for status in ("403", "422", "500")]
            assert all(schema["properties"]["detail"]["type"] == "string" for schema in schemas), path


def test_path_parameters(operations):
    parameter, = operations["/relight/v1/presets/{name}"]["put"]["parameters"]
    assert (parameter["name"], parameter["in"], parameter["required"]) == ("name", "path", True)
