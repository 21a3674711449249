"""Endpoints: login by the host's own guards, error responses, cancellation when a client disconnects."""

import socket
import threading
import time

import pytest
import requests
import torch
import uvicorn
from fastapi import Depends, FastAPI, HTTPException, Request
from fastapi.security import HTTPBasic, HTTPBasicCredentials
from fastapi.testclient import TestClient
from sd_relight.lib_relight.base.errors import OUT_OF_MEMORY, RelightError
from sd_relight.lib_relight.base.progress import Stopped
from sd_relight.lib_relight.hosts.flags import WebAccess
from sd_relight.lib_relight.web import endpoints, origins


@pytest.fixture(autouse=True)
def web_access(monkeypatch):
    """The host's flags: started without --listen; the test client's name stands for a loopback one."""
    monkeypatch.setattr(origins, "web_access", lambda: WebAccess(names=("testserver",)))


LOGIN_REQUIRED = ("Relight's addresses need the same login as this WebUI's page or its API; log in, or send the API's name and "
           "password.")


def api_auth(credentials: HTTPBasicCredentials = Depends(HTTPBasic())):
    """As the hosts' Api.auth."""
    if credentials.username == "me" and credentials.password == "secret":
        return True
    raise HTTPException(status_code=401, detail="Incorrect username or password")


def application(page=None, api=None, gradio=4):
    """page: None, "open" or "login". api: None, "open" or "auth". With the routes that gradio (4 or 6) and the hosts make."""
    app = FastAPI()
    if page:
        app.auth = {"user": "pass"} if page == "login" else None

        def get_current_user(request: Request):
            return {"token of user": "user"}.get(request.cookies.get("access-token"))

        def login_check(user: str = Depends(get_current_user)):
            return user

        if gradio == 4:
            app.get("/login_check")(login_check)
        app.get("/config", dependencies=[Depends(login_check)])(lambda: {})

    if api:
        app.add_api_route("/sdapi/v1/txt2img", lambda: {}, methods=["POST"],
                          dependencies=[Depends(api_auth)] if api == "auth" else [])
    endpoints.add_post(app, "/ours", lambda body, stop: {"got": body})
    endpoints.add_get(app, "/state", lambda: {"fine": True})
    return TestClient(app)


@pytest.mark.parametrize(("page", "api", "cookie", "login", "status"), [
    ("open", None, None, None, 200),
    ("open", "open", None, None, 200),
    ("open", "auth", None, None, 200),
    ("login", None, None, None, 401),
    ("login", None, "token of user", None, 200),
    ("login", None, "made up", None, 401),
    ("login", "auth", None, None, 401),
    ("login", "auth", None, ("me", "secret"), 200),
    ("login", "auth", None, ("me", "guess"), 401),
    ("login", "auth", "token of user", None, 200),
    ("login", "open", None, None, 200),
    (None, "auth", None, None, 401),
    (None, "auth", None, ("me", "secret"), 200),
    (None, "auth", None, ("me", "guess"), 401),
    (None, "open", None, None, 200),
])
@pytest.mark.parametrize("gradio", [4, 6])
def test_the_hosts_guards(page, api, cookie, login, status, gradio):
    client = application(page, api, gradio)
    given = {"cookies": {"access-token": cookie} if cookie else {}, "auth": login}
    reply, state = client.post("/ours", json={"a": 1}, **given), client.get("/state", **given)
    assert reply.status_code == state.status_code == status
    assert reply.json() == ({"got": {"a": 1}} if status == 200 else {"detail": LOGIN_REQUIRED})


@pytest.mark.parametrize(("error", "status", "sentence"), [
    (RelightError("No light; choose one."), 422, "No light; choose one."),
    (Stopped(), 409, "The preview was cancelled."),
    (ZeroDivisionError("by zero"), 500, "Relight failed inside (ZeroDivisionError: by zero); the console has the traceback, "
                                        "please report it."),
])
def test_what_a_failure_answers(error, status, sentence, capsys):
    app = FastAPI()

    def fail(body, stop):
        raise error

    endpoints.add_post(app, "/ours", fail)
    reply = TestClient(app).post("/ours", json={})
    assert (reply.status_code, reply.json()["detail"]) == (status, sentence)
    assert ("Traceback" in capsys.readouterr().err) == (status == 500)


@pytest.mark.parametrize(("media_type", "status"), [
    ("application/json", 200), ("Application/JSON; charset=utf-8", 200), ("application/vnd.relight+json", 200),
    ("text/plain;x=json", 415), ("text/json", 415), ("application/x-www-form-urlencoded; a=application/json", 415), ("", 415),
])
def test_media_type_is_compared_by_its_essence(media_type, status):
    reply = application("open").post("/ours", content=b"{}", headers={"content-type": media_type})
    assert reply.status_code == status


@pytest.mark.parametrize("body", [
    b"[" * 1000 + b"]" * 1000, b"[" * 100_000, b'{"a": ' * 5000 + b"1" + b"}" * 5000, b'{"a": ' + b"9" * 5000 + b"}", b"\xff\xfe", b"[1]",
])
def test_bodies_that_are_no_object(body):
    reply = application("open").post("/ours", content=body, headers={"content-type": "application/json"})
    assert reply.status_code == 422 and len(reply.json()["detail"]) < 500


@pytest.mark.parametrize("error", [MemoryError(), torch.OutOfMemoryError("CUDA out of memory. Tried to allocate 2.00 GiB"),
                                   RuntimeError("[enforce fail] DefaultCPUAllocator: can't allocate memory")], ids=repr)
def test_lack_of_memory_is_a_sentence(error, capsys):
    app = FastAPI()

    def fail(body, stop):
        raise error

    endpoints.add_post(app, "/ours", fail)
    reply = TestClient(app).post("/ours", json={})
    assert (reply.status_code, reply.json()["detail"]) == (
        507, OUT_OF_MEMORY)


@pytest.fixture
def server():
    """serve(app) -> its address; the app has a middleware of the hosts' kind."""
    started = []

    def serve(app):
        @app.middleware("http")
        async def as_the_hosts_log(request, call_next):
            return await call_next(request)

        with socket.socket() as probe:
            probe.bind(("127.0.0.1", 0))
            port = probe.getsockname()[1]
        server = uvicorn.Server(uvicorn.Config(app, port=port, log_level="error"))
        thread = threading.Thread(target=server.run, daemon=True)
        thread.start()
        started.append((server, thread))
        while not server.started:
            time.sleep(0.01)
        return f"http://127.0.0.1:{port}"

    yield serve
    for server, thread in started:
        server.should_exit = True
        thread.join(10)


def test_work_is_stopped_when_its_client_has_gone(server):
    app, ended = FastAPI(), []
    endpoints.add_post(app, "/ours", lambda body, stop: ended.append(stop.wait(body["seconds"])) or {"waited": body["seconds"]})
    address = server(app) + "/ours"
    assert requests.post(address, json={"seconds": 0.2}, timeout=10).json() == {"waited": 0.2}
    with pytest.raises(requests.exceptions.Timeout):
        requests.post(address, json={"seconds": 20}, timeout=0.5)
    deadline = time.monotonic() + 10
    while len(ended) < 2 and time.monotonic() < deadline:
        time.sleep(0.05)
    assert ended == [False, True], "one ran to its end, one was stopped"
