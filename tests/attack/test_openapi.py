"""Hostile bodies and parameters for every endpoint of the host's OpenAPI document, jobs and settings aside."""

import json
import re
from urllib.parse import quote

import pytest
import requests
from attack import strategies
from hypothesis import Phase, given, settings, strategies as st

pytestmark = pytest.mark.same_everywhere
LEFT_OUT = re.compile("/sdapi/v1/(txt2img|img2img|options)$")
"""Jobs are attacked with sizes of their own; settings would change what later tests see."""
RAW = st.sampled_from([b"", b"{", b"[]", b"null", b'"x"', b"\xff\xfe", b"[" * 5000, b'{"a":' * 5000, b'{"a": NaN}', b"{}{}"])
NAMES = st.sampled_from(["attack", "..", "../../x", "%00", "a" * 300, "²", " ", "a/b"])


@pytest.fixture(scope="module")
def operations(attacked):
    """(method, path) of the API's endpoints."""
    paths = requests.get(f"{attacked.url}/openapi.json", timeout=60).json()["paths"]
    found = [(method.upper(), path) for path, methods in paths.items() for method in methods
             if path.startswith(("/relight/v1", "/sdapi/v1", "/internal")) and not LEFT_OUT.match(path)]
    assert len(found) > 30 and ("POST", "/relight/v1/check") in found
    return sorted(found)


@settings(max_examples=400)
@given(st.data(), st.integers(0, 1000), NAMES)
def test_every_endpoint(attacked, count, operations, data, number, name):
    method, path = operations[number % len(operations)]
    body = None
    if method in ("POST", "PUT"):
        body = data.draw(RAW | strategies.hostile.map(lambda value: json.dumps(value).encode()))
    reply = requests.request(method, attacked.url + re.sub(r"{\w+}", quote(name), path), data=body, timeout=30,
                             headers={"content-type": "application/json"}, params={"skip_current_image": name})
    assert reply.status_code < 500, f"{method} {path}: {reply.status_code} {reply.text[:300]}"
    count(f"any endpoint: {reply.status_code}")


def without_not(tree):
    """A JSON Schema without `not`, whose combinations schemathesis does not generate for; it then describes more bodies."""
    if isinstance(tree, dict):
        return {key: without_not(value) for key, value in tree.items() if key != "not"}
    return [without_not(value) for value in tree] if isinstance(tree, list) else tree


def test_answers_are_as_documented(attacked, count):
    """schemathesis: every answer has a documented status, content type and schema.

    It makes only data that fits a schema: it cannot negate ours. Our own strategies do, see test_payloads.
    """
    from schemathesis import GenerationMode, checks, openapi
    from schemathesis.specs.openapi import checks as openapi_checks

    names = ("status_code_conformance", "content_type_conformance", "response_schema_conformance")
    wanted = [checks.not_a_server_error, *(getattr(openapi_checks, name) for name in names)]
    document = requests.get(f"{attacked.url}/openapi.json", timeout=60).json()
    document["paths"] = {path: methods for path, methods in document["paths"].items() if path.startswith("/relight/v1")}
    api = openapi.from_dict(without_not(document))
    api.config.update(base_url=attacked.url)
    for operation in (found.ok() for found in api.get_all_operations()):
        @settings(max_examples=15, phases=[Phase.generate])
        @given(operation.as_strategy(generation_mode=GenerationMode.POSITIVE))
        def attack(case):
            reply = case.call(timeout=30)
            case.validate_response(reply, checks=wanted)
            count(f"schemathesis: {reply.status_code}")

        attack()
