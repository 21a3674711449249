"""Hostile bodies and parameters for every endpoint of the host's OpenAPI document, jobs and settings aside."""

import json
import re
from urllib.parse import quote

import pytest
import requests
from attack import strategies
from hypothesis import given, settings, strategies as st

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
