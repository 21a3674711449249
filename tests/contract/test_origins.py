"""Requests of foreign web pages are rejected on every address of ours; the own page's and programs' are answered, with the host's login."""

import pytest
import requests
from contract.client import Client
from contract.processes import EmbeddedHost

FLAGS = ("--listen", "--subpath", "sub", "--api-auth", "me:secret", "--gradio-auth", "user:pass")
FOREIGN = [{"Origin": "https://example.com"}, {"Origin": "null"}, {"Origin": "http://127.0.0.1:1"}, {"Sec-Fetch-Site": "cross-site"},
           {"Sec-Fetch-Site": "same-site"}, {"Origin": "https://example.com", "Sec-Fetch-Site": "cross-site"}]
BODY = {"iclight": {"light": "left"}}


@pytest.fixture(scope="module", params=["as it is", "with logins"])
def asked(request, client, tmp_path_factory):
    """The host of all tests, and one with logins: an embedded host of its own, or the same if it was started so."""
    if request.param == "with logins" and client.name == "embedded":
        with EmbeddedHost(tmp_path_factory.mktemp("logins"), FLAGS) as process:
            yield Client(process)
    elif request.param == "with logins" and not (client.page_login or client.api_login):
        pytest.skip("the host has no login; RELIGHT_WEBUI_ARGS can give --api-auth and --gradio-auth")
    else:
        yield client


@pytest.fixture(scope="module")
def addresses(asked):
    """(method, path) of all our addresses."""
    paths = asked.get("/openapi.json")["paths"]
    found = [(method.upper(), path.replace("{name}", "nothing")) for path, methods in paths.items() for method in methods
             if path.startswith("/relight/v1")]
    assert len(found) > 10 and ("POST", "/relight/v1/check") in found
    return found


def statuses(asked, addresses, session=None, **headers):
    """The status of each address, and its answer where it is no error."""
    session = session or asked.session
    replies = {(method, path): session.request(method, asked.url + path, headers={"Content-Type": "application/json", **headers}, data="{",
                                               timeout=60) for method, path in addresses}
    for reply in replies.values():
        assert reply.ok or isinstance(reply.json()["detail"], str)
    return {address: reply.status_code for address, reply in replies.items()}


@pytest.mark.parametrize("headers", FOREIGN, ids=str)
def test_a_foreign_page_is_rejected(asked, addresses, headers):
    """Even with the user's login, which a browser sends for every page."""
    assert set(statuses(asked, addresses, **headers).values()) == {403}


def test_another_name_of_this_machine_is_rejected_without_a_login(asked, addresses):
    """DNS rebinding: the page has the name that is asked for, but not the user's login."""
    if "--listen" in asked.flags and not asked.page_login:
        pytest.skip("a public host is asked under any name")
    answers = statuses(asked, addresses, requests.Session(), Host="rebound.example.com", Origin="http://rebound.example.com")
    assert set(answers.values()) <= {401, 403}


def test_the_own_page_and_programs_are_answered(asked):
    own = {"Origin": asked.url, "Sec-Fetch-Site": "same-origin"}
    for headers in ({}, own, {"Sec-Fetch-Site": "none"}):
        assert asked.ask("GET", "/relight/v1/status", headers=headers).status_code == 200
        assert asked.ask("POST", "/relight/v1/check", headers=headers, json=BODY).status_code == 200
        assert asked.ask("PUT", "/relight/v1/presets/nothing", headers=headers, json=[1]).status_code == 422


def test_the_page_s_login_is_needed(asked, addresses):
    """Without one every address is 401; the page's cookie opens them, and the API's name and password do."""
    if not asked.page_login:
        return
    assert set(statuses(asked, addresses, requests.Session()).values()) == {401}
    page = requests.Session()
    assert page.post(f"{asked.url}/login", data=dict(zip(("username", "password"), asked.page_login)), timeout=60).status_code == 200
    assert page.get(f"{asked.url}/relight/v1/status", timeout=60).status_code == 200
    assert requests.post(f"{asked.url}/relight/v1/check", json=BODY, auth=("me", "guess"), timeout=60).status_code == 401
    if asked.api_login:
        assert requests.post(f"{asked.url}/relight/v1/check", json=BODY, auth=asked.api_login, timeout=60).status_code == 200
        assert requests.post(f"{asked.url}/sdapi/v1/txt2img", json={}, timeout=60).status_code == 401
