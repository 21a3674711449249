"""`detail` is one sentence in every error response of Relight, whatever else the host adds."""

import pytest
from contract.subjects import SCENE, fc, iclight

JSON = {"Content-Type": "application/json"}
ENDPOINTS = {
    "validation error": ("POST", "preview/light", 422, {"json": {"iclight": {"light": "lefft"}}}),
    "no JSON": ("POST", "check", 422, {"data": "{", "headers": JSON}),
    "no object": ("POST", "check", 422, {"json": []}),
    "not declared as JSON": ("POST", "check", 415, {"data": "{}", "headers": {"Content-Type": "text/plain"}}),
    "another page": ("GET", "status", 403, {"headers": {"Origin": "https://example.com"}}),
    "no such preset": ("GET", "presets/nothing", 404, {}),
    "preset that is no object": ("PUT", "presets/nothing", 422, {"json": [1]}),
}


def assert_sentence(detail):
    assert isinstance(detail, str) and " " in detail and detail.endswith(".") and len(detail) < 500, detail


@pytest.mark.parametrize("mistake", ENDPOINTS)
def test_endpoints(client, mistake):
    method, path, status, given = ENDPOINTS[mistake]
    reply = client.ask(method, f"/relight/v1/{path}", **given)
    assert reply.status_code == status, reply.text[:500]
    assert_sentence(reply.json()["detail"])


@pytest.mark.parametrize("relight", [{"iclight": {"light": "lefft"}}, {}, fc(model="nowhere"), iclight(foreground="%%%")], ids=str)
@pytest.mark.parametrize("tab", ["txt2img", "img2img"])
def test_jobs(client, tab, relight):
    reply = client.send(tab, relight=relight, **({"init_images": [SCENE]} if tab == "img2img" else {}))
    assert reply.status == 422, reply.text[:500]
    assert_sentence(reply.body["detail"])


def test_check_answers_for_a_job(client):
    """The payload of a job is accepted with all of the host's fields, and answered with what the job answers."""
    job = {"prompt": "a vase", "steps": 2, "width": 64, "sampler_name": "Euler", "batch_size": 1, "enable_hr": False, "tab": "txt2img",
           "override_settings": {}, "alwayson_scripts": {"Relight": {"args": [iclight(light="left")]}}}
    reply = client.ask("POST", "/relight/v1/check", json=job)
    assert reply.status_code == 200, reply.text[:500]
    sent = client.send(relight=iclight(light="left"))
    assert [error["sentence"] for error in reply.json()["errors"]] == [sent.body["detail"]]
    assert client.get("/relight/v1/schema")["properties"]["iclight"]
