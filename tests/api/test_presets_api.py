"""Presets by HTTP, on the embedded host."""

import pytest
import requests


@pytest.fixture
def call(host):
    def call(method, name="", **more):
        answer = requests.request(method, f"{host.url}/relight/v1/presets{name}", timeout=30, **more)
        body = answer.json()
        return answer.status_code, body if answer.ok else body["detail"]

    return call


def test_presets_are_kept_read_and_deleted(call):
    assert call("PUT", "/left one", json={"light": "left", "unit1_weight": 0.5}) == (200, {"name": "left one"})
    assert call("GET", "/left one") == (200, {"light": "left", "unit1_weight": 0.5})
    assert call("GET")[1]["presets"] == {"left one": {"light": "left", "unit1_weight": 0.5}}
    assert call("DELETE", "/left one") == (200, {"deleted": "left one"})
    assert call("GET") == (200, {"presets": {}})


def test_refusals_are_sentences(call):
    assert call("GET", "/x") == (404, "There is no preset 'x'; there are: none yet.")
    assert call("DELETE", "/x")[0] == 404
    assert call("PUT", "/x", json={"light": "north"})[1].startswith("`light` is 'north'; choose one of none, left")
    assert call("PUT", "/x", json={"lihgt": "left"}) == (422, "`preset` has no field `lihgt`; did you mean `light`?")
    assert call("PUT", "/x", json=[1])[1].startswith("The request's body is list; it must be an object")
