"""Jobs over HTTP: extreme and hostile ones; no 500, and no 200 whose infotext lacks what was asked for."""

import json

import pytest
from attack import runnable, strategies
from hypothesis import given, settings, strategies as st
from sd_relight.lib_relight.request.infotext import MARKER, to_infotext, units_to_infotext
from sd_relight.lib_relight.request.request import parse_api

pytestmark = pytest.mark.same_everywhere
SMALL = {"prompt": "a vase", "steps": 1, "width": 64, "height": 64, "seed": 7, "cfg_scale": 2.0, "sampler_name": "Euler"}
REQUESTS = runnable.requests()
STATUSES: dict[str, int] = {}
"""Of each job so far, by its payload."""


def expected(request):
    """The pairs that the infotext of a relit image must have; those of a set of lights differ between its images."""
    parsed = parse_api(request)
    if parsed is None:
        return {}
    light = to_infotext(parsed.iclight, parsed.images) if parsed.iclight and parsed.iclight.set == "none" else {}
    return {**light, **units_to_infotext(parsed.units)}


def run(send, count, request, **fields):
    """Returns the job's status. An example that Hypothesis makes again is not sent again."""
    tab = "img2img" if "init_images" in fields else "txt2img"
    payload = {**SMALL, **fields, "alwayson_scripts": {"Relight": {"args": [request]}}}
    key = json.dumps([tab, payload])
    if key not in STATUSES:
        STATUSES[key] = send_and_check(send, count, tab, payload, request)
    return STATUSES[key]


def send_and_check(send, count, tab, payload, request):
    status, answer = send(f"/sdapi/v1/{tab}", payload)
    count(f"of which jobs: {status}")
    if status == 200:
        pairs, info = expected(request), json.loads(answer["info"])
        said = info["extra_generation_params"]
        assert not pairs or MARKER in said or f"{MARKER} remarks" in said, said
        assert pairs.items() <= said.items(), {name: (text, said.get(name)) for name, text in pairs.items() if said.get(name) != text}
        assert not pairs or all(MARKER in text for text in info["infotexts"])
    return status


@settings(max_examples=330)
@given(REQUESTS, runnable.host_fields())
def test_extreme_jobs(send, count, request_, fields):
    status = run(send, count, request_, **fields)
    assert status in (200, 422)
    count(f"of which extreme jobs: {status}")


@settings(max_examples=110)
@given(strategies.mutated(REQUESTS))
def test_hostile_jobs(send, count, request_):
    assert run(send, count, request_) in (200, 422)


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


def test_most_jobs_were_run(counts):
    """An attack whose jobs are all rejected shows nothing about what is behind the checks."""
    assert counts["of which jobs: 200"] >= 0.6 * (counts["of which jobs: 200"] + counts["of which jobs: 422"])
