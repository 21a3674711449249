"""A web page of another origin cannot use the server: it reads nothing, no job starts, nothing is downloaded."""

import pytest
import requests
from browser.pages.foreign_page import ADDRESSES, ATTACK, BODY, EmptyPage, served

pytestmark = [pytest.mark.any_page, pytest.mark.once_per_gradio]


@pytest.fixture
def other_page(chromium):
    """The browser on an empty page of another port."""
    with served(EmptyPage) as address:
        chromium.get(address)
        yield chromium


@pytest.fixture
def untouched(host):
    """No preset was saved and no step of a job or preview was computed during the test."""
    def state():
        status = requests.get(f"{host.url}/relight/v1/status", timeout=60).json()
        return status["counters"], status["merged_weights"], requests.get(f"{host.url}/relight/v1/presets", timeout=60).json()

    before = state()
    yield
    assert state() == before


@pytest.mark.parametrize("mode, method, content_type", [
    ("no-cors", "GET", ""), ("cors", "GET", ""), ("no-cors", "POST", "text/plain;x=json"), ("no-cors", "POST", "text/plain"),
    ("cors", "POST", "application/json"), ("cors", "PUT", "application/json"), ("cors", "DELETE", "application/json")])
def test_nothing_is_answered(other_page, host, untouched, mode, method, content_type):
    for path in (*ADDRESSES, "relight/v1/presets/stolen"):
        kind, status, text = other_page.execute_async_script(ATTACK, f"{host.url}/{path}", method, mode, content_type, BODY)
        assert kind in ("error", "opaque") and status == 0 and text == "", (path, kind, status, text)


def test_no_job_starts(other_page, host, untouched):
    job = '{"steps": 1, "alwayson_scripts": {"Relight": {"args": [{"iclight": {"foreground": "x", "light": "left"}}]}}}'
    for mode, content_type in (("no-cors", "text/plain;x=json"), ("no-cors", "text/plain"), ("cors", "application/json")):
        kind, status, text = other_page.execute_async_script(ATTACK, f"{host.url}/sdapi/v1/txt2img", "POST", mode, content_type, job)
        assert kind in ("error", "opaque") and status == 0 and text == ""
    progress = requests.get(f"{host.url}/sdapi/v1/progress", timeout=60).json()
    assert progress["state"]["job_count"] in (0, -1)


def test_the_own_page_is_answered(chromium, host):
    chromium.get(host.url)
    kind, status, text = chromium.execute_async_script(ATTACK, f"{host.url}/relight/v1/check", "POST", "cors", "application/json", BODY)
    assert (kind, status) == ("basic", 200) and "errors" in text
