"""The list of known files with their states, and downloads in the background, as the API's addresses answer."""

import time

import hub_server
import pytest
from fastapi import FastAPI
from fastapi.testclient import TestClient
from filelock import FileLock
from hub_server import CONTENT
from sd_relight.lib_relight.hosts.flags import WebAccess
from sd_relight.lib_relight.models import catalogue, download, source
from sd_relight.lib_relight.models.background import Downloads
from sd_relight.lib_relight.models.catalogue import located
from sd_relight.lib_relight.web import origins, routes


@pytest.fixture
def server(monkeypatch):
    monkeypatch.setattr(source, "TIMEOUT_SECONDS", 2)
    with hub_server.running() as started:
        yield started


@pytest.fixture
def client(server, tmp_path, monkeypatch):
    """The API of a host whose only model folder is tmp_path, and which knows two files: tiny, and the non-commercial face."""
    files = {"tiny": server.file(), "face": server.file(name="face", file="face.onnx", kind="face model", commercial=False,
                                                        licence="non-commercial (tests)", needs=("tiny",))}
    monkeypatch.setattr(catalogue, "known_files", lambda: files)
    monkeypatch.setattr(catalogue, "folders_for", lambda kind: [tmp_path])
    monkeypatch.setattr(catalogue, "downloads", Downloads())
    monkeypatch.setattr(catalogue, "may_download", lambda: True)
    monkeypatch.setattr(origins, "web_access", lambda: WebAccess(names=("testserver",)))
    app = FastAPI()
    routes.register(None, app)
    return TestClient(app)


def post(client, path, status=200, **body):
    reply = client.post(f"/relight/v1/models/{path}", json=body)
    assert reply.status_code == status, reply.text
    return reply.json()


def row(client, name="tiny"):
    return client.get(f"/relight/v1/models/{name}").json()


def wait(client, state):
    deadline = time.monotonic() + 10
    while row(client)["state"] != state and time.monotonic() < deadline:
        time.sleep(0.02)
    assert row(client)["state"] == state
    return row(client)


def test_missing_then_downloading_then_there(client, server, tmp_path):
    listed = client.get("/relight/v1/models").json()
    assert listed["downloads"] is True and [entry["name"] for entry in listed["models"]] == ["tiny", "face"]
    assert listed["models"][0] == row(client) == {
        "name": "tiny", "title": "tiny.safetensors", "kind": "IC-Light", "base": "", "needed_for": "tests", "needs": [],
        "size": len(CONTENT), "licence": "Apache-2.0", "non_commercial": False, "source": f"{server.url}/tiny", "state": "missing",
        "path": None, "folder": str(tmp_path), "done": 0, "total": len(CONTENT), "message": ""}
    server.how = "stall inside"
    assert post(client, "tiny/get")["state"] == post(client, "tiny/get")["state"] == "downloading"
    while row(client)["done"] == 0:
        time.sleep(0.02)
    assert 0 < row(client)["done"] <= len(CONTENT) // 2 and len(server.asked) == 1
    server.how = ""
    assert post(client, "tiny/cancel")["state"] == "missing" and row(client)["done"] > 0
    server.ended.set()
    post(client, "tiny/get")
    assert wait(client, "there")["path"] == str(tmp_path / "tiny.safetensors")
    asked = len(server.asked)
    assert post(client, "tiny/get")["state"] == "there" and len(server.asked) == asked == 2


def test_an_unfinished_download_is_deleted_unless_it_goes_on(client, server, tmp_path, monkeypatch):
    monkeypatch.setattr(download, "DISCARD_SECONDS", 0)
    part = download.part_of(server.file(), tmp_path)
    part.parent.mkdir(parents=True)
    with FileLock(part.with_suffix(".lock")):
        part.write_bytes(b"1")
        assert post(client, "tiny/discard", 409)["detail"] == "tiny.safetensors is still being downloaded; try again in a moment."
    assert row(client)["done"] == 1
    assert post(client, "tiny/discard")["done"] == 0 and list(tmp_path.iterdir()) == []


def test_a_failure_has_its_sentence_until_the_next_get(client, server):
    server.how = 404
    post(client, "tiny/get")
    failed = wait(client, "failed")
    assert failed["message"].startswith("tiny.safetensors could not be downloaded (the file is no longer at its address); ")
    assert post(client, "tiny/cancel")["state"] == "missing"


def test_what_is_rejected(client, server, monkeypatch):
    assert post(client, "face/get", 422)["detail"] == (f"face.onnx is non-commercial (tests); read {server.url}/tiny and send "
                                                       "`accept_licence` as true.")
    assert post(client, "tiny/get", 422, accept_licence="yes")["detail"] == "`accept_licence` is 'yes'; it must be true or false."
    for path in ("tyni/get", "tyni/cancel", "tyni/discard"):
        assert post(client, path, 404)["detail"].startswith("There is no known model file 'tyni'; did you mean tiny")
    monkeypatch.setattr(catalogue, "may_download", lambda: False)
    assert post(client, "tiny/get", 403)["detail"].startswith("Downloads are switched off by --relight-no-download; ")
    assert client.get("/relight/v1/models").json()["downloads"] is False
    assert server.asked == []


def test_a_damaged_file_of_the_name_is_missing(client, tmp_path):
    (tmp_path / "tiny.safetensors").write_bytes(b"<html>")
    assert row(client)["state"] == "missing" and row(client)["message"].startswith(f"{tmp_path / 'tiny.safetensors'} is damaged: ")


def test_another_precision_and_name_serves_as_well(repo_root, monkeypatch):
    monkeypatch.setattr(catalogue, "folders_for", lambda kind: [repo_root / "models/demo"])
    found = catalogue.find("IC-Light")
    assert {name: path.name for name, path in found.items()} == {"iclight_sd15_fc": "iclight_fc.safetensors",
                                                                 "iclight_sd15_fbc": "iclight_fbc.safetensors"}


def test_files_of_one_size_are_told_apart_by_name(tmp_path):
    names = ("iclight_sd15_fcon.safetensors", "my fc.safetensors", "light/model.safetensors")
    for name in names:
        (tmp_path / name).parent.mkdir(exist_ok=True)
        with (tmp_path / name).open("wb") as file:
            file.truncate(1719148312)
    found = located([tmp_path / name for name in names[:2]])
    assert found == {"iclight_sd15_fcon": tmp_path / names[0], "iclight_sd15_fc": tmp_path / names[1]}
