"""The embedded host and clients for its API."""

import json
from urllib.parse import urlparse

import pytest
import requests
import webuiapi
from api.preview_samples import JOB, SIZE


@pytest.fixture(scope="session")
def host(embedded):
    return embedded


@pytest.fixture(scope="session")
def client(host):
    return webuiapi.WebUIApi(host="127.0.0.1", port=urlparse(host.url).port, sampler="Euler", steps=2)


@pytest.fixture(scope="session")
def post(host):
    """post("txt2img", steps=2) -> requests.Response; NaN and Infinity are sent as Python writes them."""
    def send(route, **payload):
        return requests.post(f"{host.url}/sdapi/v1/{route}", data=json.dumps(payload), timeout=120,
                             headers={"Content-Type": "application/json"})

    return send


@pytest.fixture(scope="session")
def get(host):
    def fetch(route):
        reply = requests.get(f"{host.url}/sdapi/v1/{route}", timeout=60)
        assert reply.status_code == 200, reply.text
        return reply.json()

    return fetch


@pytest.fixture(scope="session")
def preview(host):
    """preview("matte", iclight={...}) -> requests.Response"""
    def send(kind, timeout=120, **body):
        return requests.post(f"{host.url}/relight/v1/preview/{kind}", json={**SIZE, **body}, timeout=timeout)

    return send


@pytest.fixture(scope="session")
def send_job(host):
    """send_job("img2img", payload={...}, iclight={...}) -> requests.Response"""
    def send(tab="txt2img", timeout=120, payload=None, **request):
        body = {**JOB, **(payload or {})}
        if request:
            body["alwayson_scripts"] = {"Relight": {"args": [request]}}
        return requests.post(f"{host.url}/sdapi/v1/{tab}", json=body, timeout=timeout)

    return send


@pytest.fixture
def small():
    """The cheapest job that still goes through everything."""
    return {"prompt": "a vase", "steps": 2, "width": 64, "height": 64, "seed": 7, "cfg_scale": 2.0}
