"""Payloads from the schema: what it accepts is accepted, what it rejects is rejected, and hostile ones get a sentence."""

import json
import re
from pathlib import Path

import jsonschema_rs
import pytest
from attack import runnable, strategies
from encoding import opened
from hypothesis import given, settings
from sd_relight.lib_common.errors import UserError
from sd_relight.lib_relight.checks.check import check_body
from sd_relight.lib_relight.checks.messages import State
from sd_relight.lib_relight.request.request import parse_api
from sd_relight.lib_relight.request.schema import request_schema

pytestmark = pytest.mark.same_everywhere
SCHEMA = request_schema()
REQUESTS = strategies.requests(SCHEMA)
DEMO = Path(__file__).resolve().parents[2] / "models" / "demo"
BETWEEN_FIELDS = re.compile("`image` of an `ip_adapter` unit holds a mask|`lights` |`set` |.* mixes ")
"""Rules that a schema cannot express."""
validator = jsonschema_rs.validator_for(SCHEMA)


def checked(body):
    answer = check_body(body, lambda **known: State(lambda kind: [DEMO], **known), ())
    assert list(answer) == ["errors", "warnings"]
    for message in [*answer["errors"], *answer["warnings"]]:
        assert list(message) == ["field", "value", "sentence"] and len(message["sentence"]) < 500
    json.dumps(answer, allow_nan=False).encode()
    return answer


@settings(max_examples=800)
@given(REQUESTS)
def test_what_the_schema_accepts_is_accepted(count, payload):
    count("valid payloads, parsed")
    assert validator.is_valid(payload), [error.message for error in validator.iter_errors(payload)][:3]
    try:
        parse_api(payload)
    except UserError as error:
        assert BETWEEN_FIELDS.match(str(error)), error


@settings(max_examples=800)
@given(strategies.wrong_field(SCHEMA))
def test_what_the_schema_rejects_is_rejected_by_name(count, case):
    payload, field, value = case
    count("wrong fields, parsed")
    if value not in strategies.BROKEN_IMAGES:  # base64 is an annotation in JSON Schema
        assert not validator.is_valid(payload)
    with pytest.raises(UserError) as caught:
        parse_api(payload)
    assert f"`{field}`" in str(caught.value)


@settings(max_examples=1500)
@given(strategies.mutated(REQUESTS))
def test_hostile_payloads_are_checked(count, payload):
    count("hostile payloads, checked")
    checked(payload)


@settings(max_examples=1000)
@given(strategies.mutated(REQUESTS))
def test_hostile_payloads_over_http(send, payload):
    status, _ = send("/relight/v1/check", payload)
    assert status in (200, 422)


@settings(max_examples=200)
@given(runnable.previews())
def test_extreme_previews_over_http(send, count, preview):
    kind, body = preview
    status, answer = send(f"/relight/v1/preview/{kind}", body)
    count(f"of which extreme previews: {status}")
    assert status == 422 or answer["images"]
    for image in answer.get("images", ()) if kind != "crop" else ():
        assert opened(image).size == (body["width"], body["height"])


@settings(max_examples=100)
@given(strategies.mutated(runnable.previews().map(lambda preview: preview[1])))
def test_hostile_previews_over_http(send, payload):
    status, _ = send("/relight/v1/preview/light", payload)
    assert status in (200, 422)


@settings(max_examples=150)
@given(runnable.presets())
def test_extreme_presets_over_http(send, count, values):
    """What is stored is what was sent."""
    status, _ = send("/relight/v1/presets/attack", values, "PUT")
    count(f"of which extreme presets: {status}")
    if status == 200:
        assert {name: value for name, value in send("/relight/v1/presets/attack", None, "GET")[1].items() if name in values} == values
        assert send("/relight/v1/presets/attack", None, "DELETE")[0] == 200


@settings(max_examples=100)
@given(strategies.mutated(runnable.presets()))
def test_hostile_presets_over_http(send, payload):
    status, _ = send("/relight/v1/presets/attack", payload, "PUT")
    assert status in (200, 422)


@pytest.mark.parametrize("what", ["previews", "presets"])
def test_most_extreme_requests_were_answered(counts, what):
    accepted, rejected = counts[f"of which extreme {what}: 200"], counts[f"of which extreme {what}: 422"]
    assert accepted >= 0.9 * (accepted + rejected)
