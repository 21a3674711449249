"""A host with --listen, --subpath, --api-auth and --gradio-auth: foreign pages cannot use the user's login, the own page can."""

import http.client
from http.server import BaseHTTPRequestHandler

import pytest
import requests
from api.serving import ROOT, HostProcess
from browser.pages.foreign_page import ADDRESSES, ATTACK, BODY, EmptyPage, served
from selenium.webdriver.support.ui import WebDriverWait

pytestmark = pytest.mark.once_per_gradio
FLAGS = "--listen --subpath sub --api-auth me:secret --gradio-auth user:pass"
LOG_IN = """
const done = arguments[0], form = new URLSearchParams({username: "user", password: "pass"});
fetch("login", {method: "POST", body: form}).then(reply => done(reply.status));
"""


@pytest.fixture(scope="module")
def guarded(tmp_path_factory):
    """An embedded host that listens on all addresses, with both logins, made for a proxy's sub-path."""
    with HostProcess(tmp_path_factory.mktemp("guarded"), [ROOT], FLAGS) as process:
        yield process


@pytest.fixture
def logged_in(chromium, guarded):
    """The browser has the page's login. It keeps cookies by host name, so it sends them from pages of other ports as well."""
    chromium.get(guarded.url)
    assert chromium.execute_async_script(LOG_IN) == 200
    yield chromium
    chromium.delete_all_cookies()


@pytest.mark.parametrize("mode, method, content_type", [
    ("no-cors", "GET", ""), ("cors", "GET", ""), ("no-cors", "POST", "text/plain;x=json"), ("cors", "POST", "application/json"),
    ("cors", "PUT", "application/json"), ("cors", "DELETE", "application/json")])
def test_nothing_is_answered_with_the_user_s_login(logged_in, guarded, mode, method, content_type):
    def state():
        status, presets = (requests.get(f"{guarded.url}/relight/v1/{name}", auth=("me", "secret"), timeout=60).json()
                           for name in ("status", "presets"))
        return status["counters"], presets

    before = state()
    with served(EmptyPage) as address:
        logged_in.get(address)
        for path in (*ADDRESSES, "relight/v1/presets/stolen"):
            kind, status, text = logged_in.execute_async_script(ATTACK, f"{guarded.url}/{path}", method, mode, content_type, BODY)
            assert kind in ("error", "opaque") and status == 0 and text == "", (path, kind, status, text)
    assert state() == before


def test_the_own_page_needs_its_login(chromium, guarded):
    chromium.get(guarded.url)
    chromium.delete_all_cookies()
    for path in ("relight/v1/status", "relight/v1/check"):
        method = "GET" if path.endswith("status") else "POST"
        assert chromium.execute_async_script(ATTACK, path, method, "cors", "application/json", BODY)[:2] == ["basic", 401]


def proxy_of(host_url):
    """A reverse proxy that serves the host below /sub/, as one in front of a WebUI with --subpath sub."""
    authority = host_url.removeprefix("http://")

    class Proxy(BaseHTTPRequestHandler):
        def forward(self):
            connection = http.client.HTTPConnection(authority, timeout=60)
            body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
            connection.request(self.command, self.path.removeprefix("/sub"), body, dict(self.headers))
            reply = connection.getresponse()
            self.send_response(reply.status)
            for name, value in reply.getheaders():
                if name.lower() not in ("transfer-encoding", "connection", "date", "server"):
                    self.send_header(name, value)
            self.end_headers()
            while part := reply.read1():
                self.wfile.write(part)
            connection.close()

        do_GET = do_POST = forward

        def log_message(self, *args):
            pass

    return Proxy


def test_the_own_page_is_answered_below_a_sub_path(logged_in, guarded):
    with served(proxy_of(guarded.url)) as address:
        logged_in.get(f"{address}/sub/")
        WebDriverWait(logged_in, 60).until(lambda page: page.execute_script(
            "return !!document.querySelector('[id*=relight_enabled] input')"))
        kind, status, text = logged_in.execute_async_script(ATTACK, "relight/v1/check", "POST", "cors", "application/json", BODY)
        assert (kind, status) == ("basic", 200) and "errors" in text
        logged_in.get(f"{address}/")
