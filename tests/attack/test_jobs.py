"""Jobs over HTTP: valid and hostile ones; no 500, and no 200 whose infotext lacks what was asked for."""

import json

import pytest
from attack import strategies
from hypothesis import given, settings, strategies as st
from sd_relight.lib_relight.request.infotext import MARKER, to_infotext, units_to_infotext
from sd_relight.lib_relight.request.request import parse_api
from sd_relight.lib_relight.request.schema import request_schema

pytestmark = pytest.mark.same_everywhere
SMALL = {"prompt": "a vase", "steps": 1, "width": 64, "height": 64, "seed": 7, "cfg_scale": 2.0, "sampler_name": "Euler"}
SCHEMA = request_schema()
NAMED = {"model": ["auto", "fc", "fbc"], "matting": ["none", "alpha"], "set": ["none", "none", "sides"], "family": ["auto"],
         "matte_grow": [0, -2.5], "matte_feather": [0, 3]}
"""Fields whose other values need files that are not there, or minutes."""
for part in ("iclight", "ip_adapter"):
    for field, values in NAMED.items():
        if field in (properties := SCHEMA["properties"][part]["anyOf"][0]["properties"]) and (part, field) != ("ip_adapter", "model"):
            properties[field] = {**properties[field], "enum": values}
REQUESTS = strategies.requests(SCHEMA).map(lambda request: with_foreground(request))


def with_foreground(request):
    if "iclight" in request:
        request["iclight"] |= {"foreground": strategies.IMAGES[0]} | ({} if "matting" in request["iclight"] else {"matting": "none"})
    return request


def expected(request):
    """The pairs that the infotext of a relit image must have; those of a set of lights differ between its images."""
    parsed = parse_api(request)
    if parsed is None:
        return {}
    light = to_infotext(parsed.iclight, parsed.images) if parsed.iclight and parsed.iclight.set == "none" else {}
    return {**light, **units_to_infotext(parsed.units)}


def run(send, request, **fields):
    tab = "img2img" if "init_images" in fields else "txt2img"
    status, answer = send(f"/sdapi/v1/{tab}", {**SMALL, **fields, "alwayson_scripts": {"Relight": {"args": [request]}}})
    if status == 200:
        pairs = expected(request)
        said = json.loads(answer["info"])["extra_generation_params"]
        assert not pairs or MARKER in said or f"{MARKER} remarks" in said, said
        assert pairs.items() <= said.items(), {name: (text, said.get(name)) for name, text in pairs.items() if said.get(name) != text}
    return status


@settings(max_examples=150)
@given(REQUESTS, st.sampled_from([{}, {}, {"init_images": [strategies.IMAGES[0]], "denoising_strength": 1.0}]))
def test_valid_jobs(send, request_, fields):
    assert run(send, request_, **fields) in (200, 422)


@settings(max_examples=300)
@given(strategies.mutated(REQUESTS))
def test_hostile_jobs(send, request_):
    assert run(send, request_) in (200, 422)


@settings(max_examples=60)
@given(strategies.mutated(st.just({**SMALL, "alwayson_scripts": {"Relight": {"args": [{"iclight": {"light": "left"}}]}}})))
def test_hostile_host_fields(send, payload):
    """Fields of the host's own part; sizes and counts that pass its limits would take minutes."""
    payload = {**payload, "steps": 1, "width": 64, "height": 64, "batch_size": 1, "n_iter": 1} if isinstance(payload, dict) else payload
    status, _ = send("/sdapi/v1/txt2img", payload)
    assert status in (200, 400, 422)


def test_the_next_plain_job_is_unchanged(send):
    first, second = (send("/sdapi/v1/txt2img", SMALL)[1] for _ in range(2))
    assert first["images"] == second["images"] and MARKER not in json.loads(first["info"])["extra_generation_params"]
