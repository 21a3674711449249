"""Accepted and rejected Origin and Host headers."""

import pytest
from sd_relight.lib_relight.base.errors import RelightError
from sd_relight.lib_relight.hosts.flags import WebAccess
from sd_relight.lib_relight.web import origins

OWN = "127.0.0.1:7860"


def admitted(access=None, has_login=False, **headers):
    """Whether a request with these headers is answered. Names: sec_fetch_site for Sec-Fetch-Site."""
    origins.web_access = lambda: access or WebAccess()
    try:
        origins.check_origin({"host": OWN, **{name.replace("_", "-"): value for name, value in headers.items()}}, has_login)
    except RelightError as error:
        assert error.status_code == 403
        return False
    return True


@pytest.fixture(autouse=True)
def restored(monkeypatch):
    monkeypatch.setattr(origins, "web_access", origins.web_access)


@pytest.mark.parametrize("headers", [
    {},
    {"origin": f"http://{OWN}"},
    {"origin": f"http://{OWN}", "sec_fetch_site": "same-origin"},
    {"sec_fetch_site": "none"},
    {"host": "localhost:7860", "origin": "http://LOCALHOST:7860"},
    {"host": "[::1]:7860", "origin": "http://[::1]:7860"},
    {"host": "127.0.0.1"},
    {"origin": "https://relight.example", "x_forwarded_host": "relight.example"},
    {"origin": "https://relight.example", "sec_fetch_site": "same-origin"},
], ids=str)
def test_own_pages_and_programs(headers):
    assert admitted(**headers)


@pytest.mark.parametrize("headers", [
    {"origin": "https://evil.example"},
    {"origin": "https://evil.example", "sec_fetch_site": "cross-site"},
    {"origin": f"http://{OWN}", "sec_fetch_site": "cross-site"},
    {"origin": "null"},
    {"origin": "http://127.0.0.1:8000", "sec_fetch_site": "same-site"},
    {"origin": "http://127.0.0.1:8000"},
    {"sec_fetch_site": "cross-site"},
    {"host": "evil.example:7860", "origin": "http://evil.example:7860", "sec_fetch_site": "same-origin"},
    {"host": "127.0.0.1.evil.example"},
    {"host": ""},
    {"host": "[::1"},
], ids=str)
def test_foreign_pages(headers):
    assert not admitted(**headers)


@pytest.mark.parametrize(("access", "headers"), [
    (WebAccess(is_public=True), {"host": "192.168.0.7:7860", "origin": "http://192.168.0.7:7860"}),
    (WebAccess(is_public=True), {"host": "studio.local"}),
    (WebAccess(names=("Studio",)), {"host": "studio:7860"}),
    (WebAccess(origins=("https://app.example",)), {"origin": "https://app.example", "sec_fetch_site": "cross-site"}),
    (WebAccess(origins=("https://app.example",)), {"host": "app.example"}),
    (WebAccess(origins=("*",)), {"origin": "https://any.example", "sec_fetch_site": "cross-site"}),
    (WebAccess(origin_pattern=r"https://.*\.example"), {"origin": "https://a.example"}),
])
def test_what_the_hosts_flags_admit(access, headers):
    assert admitted(access, **headers) and not admitted(**headers)


def test_listening_does_not_admit_foreign_pages():
    assert not admitted(WebAccess(is_public=True), host="192.168.0.7:7860", origin="https://evil.example")


def test_with_a_login_the_host_name_is_free():
    """A page that rebinds its name to this machine has no login."""
    assert admitted(has_login=True, host="proxy.example", origin="https://proxy.example")
    assert not admitted(has_login=True, host="proxy.example", origin="https://evil.example")
