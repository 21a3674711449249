"""Requests that browsers send for other web pages are rejected on every address; the page's own and programs' are not."""

from urllib.parse import urlparse

import pytest
import requests

ADDRESSES = [("POST", "sdapi/v1/txt2img"), ("POST", "internal/progress"), ("GET", "sdapi/v1/options"), ("GET", ""),
             ("GET", "relight/v1/status"), ("POST", "upload")]


def ask(host, method, path, **headers):
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    return requests.request(method, f"{host.url}/{path}", headers=named, data="{}" if method == "POST" else None, timeout=60)


@pytest.mark.parametrize("method, path", ADDRESSES)
@pytest.mark.parametrize("headers", [
    {"Origin": "https://example.com"}, {"Origin": "null"}, {"Origin": "http://127.0.0.1:1"}, {"Sec_Fetch_Site": "cross-site"},
    {"Sec_Fetch_Site": "same-site"}, {"Host": "rebound.example.com"}, {"Host": "192.168.0.9"}])
def test_another_web_page_is_rejected(host, method, path, headers):
    reply = ask(host, method, path, Content_Type="application/json", **headers)
    assert reply.status_code == 403
    assert "server" in reply.json()["detail"]


@pytest.mark.parametrize("name", ["127.0.0.1", "localhost"])
def test_the_own_page_and_programs_are_accepted(host, name):
    own = f"{name}:{urlparse(host.url).port}"
    assert ask(host, "GET", "sdapi/v1/options", Host=own).status_code == 200
    assert ask(host, "GET", "sdapi/v1/options", Host=own, Origin=f"http://{own}", Sec_Fetch_Site="same-origin").status_code == 200
    assert ask(host, "GET", "", Host=own, Sec_Fetch_Site="cross-site", Sec_Fetch_Mode="navigate").status_code == 200


@pytest.mark.parametrize("kind", ["text/plain", "text/plain;x=json", "application/x-www-form-urlencoded", ""])
def test_a_body_that_is_not_declared_as_json_is_rejected(host, kind):
    reply = ask(host, "POST", "sdapi/v1/txt2img", Content_Type=kind)
    assert reply.status_code == 415
    assert "send JSON with the header Content-Type: application/json" in reply.json()["detail"]


def test_requests_without_a_body_need_no_type(host):
    assert requests.post(f"{host.url}/sdapi/v1/interrupt", timeout=60).status_code == 200
