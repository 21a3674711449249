"""Downloads from a server that misbehaves: each case has its sentence, and nothing partial is left in the folder."""

import hashlib
import http.server
import os
import shutil
import subprocess
import sys
import threading
from types import SimpleNamespace

import pytest
from sd_relight.lib_relight.base.errors import RelightError
from sd_relight.lib_relight.base.known_files import KnownFile
from sd_relight.lib_relight.models import download as module
from sd_relight.lib_relight.models.download import STAGING, download
from sd_relight.lib_relight.models.listing import list_files

CONTENT = bytes(range(256)) * 4096
SHA256 = hashlib.sha256(CONTENT).hexdigest()


class Handler(http.server.BaseHTTPRequestHandler):
    """Plays a file server and the hub; server.behaviour says how it misbehaves."""

    def do_HEAD(self):
        self.answer(head=True)

    def do_GET(self):
        self.answer(head=False)

    def answer(self, head):
        how, server = self.server.behaviour, self.server
        server.asked.append((self.command, self.headers.get("Range")))
        if isinstance(how, int):
            return self.send_error(how)
        if how == "stall":
            return server.ended.wait(5)
        start = int((self.headers.get("Range") or "bytes=0-")[6:].split("-")[0])
        start = start if self.headers.get("If-Range") in (None, server.etag) else 0
        body = b"<html>Sign in</html>" if how == "html" else server.content[start:]
        self.send_response(206 if start else 200)
        self.send_header("Content-Type", "text/html" if how == "html" else "application/octet-stream")
        self.send_header("Content-Length", str(len(body)))
        self.send_header("ETag", server.etag)
        self.send_header("X-Repo-Commit", "a" * 40)
        self.end_headers()
        if not head:
            self.wfile.write(body[: len(body) // 2] if how == "drop" else body)

    def log_message(self, *args):
        pass


@pytest.fixture
def server():
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler) as running:
        running.daemon_threads = True
        running.behaviour, running.content, running.etag, running.asked = "", CONTENT, '"one"', []
        running.ended = threading.Event()
        threading.Thread(target=running.serve_forever, daemon=True).start()
        yield running
        running.ended.set()
        running.shutdown()


def url_of(server):
    return f"http://127.0.0.1:{server.server_address[1]}"


@pytest.fixture
def known(server):
    def make(**changes):
        return KnownFile(**{"name": "tiny", "file": "tiny.safetensors", "kind": "IC-Light", "licence": "Apache-2.0", "folder": "x",
                            "purpose": "tests", "size": len(CONTENT), "sha256": SHA256, "url": f"{url_of(server)}/tiny", **changes})

    return make


def failure(file, folder):
    with pytest.raises(RelightError) as caught:
        download(file, folder)
    assert not (folder / file.file).exists() and list_files([folder]) == []
    return caught.value.detail


def test_a_whole_file_is_moved_into_place_and_not_fetched_again(known, server, tmp_path):
    seen = []
    path = download(known(), tmp_path, lambda done, total: seen.append((done, total)))
    assert path.read_bytes() == CONTENT and seen[-1] == (len(CONTENT), len(CONTENT))
    assert download(known(), tmp_path) == path and len(server.asked) == 1
    assert list(tmp_path.iterdir()) == [path]


HUB = """
import sys, types
sys.modules["sd_relight"] = package = types.ModuleType("sd_relight")
package.__path__ = [sys.argv[1]]
from pathlib import Path
from sd_relight.lib_relight.base.errors import RelightError
from sd_relight.lib_relight.base.known_files import KnownFile
from sd_relight.lib_relight.models.download import download
file = KnownFile("tiny", "tiny.safetensors", "IC-Light", "Apache-2.0", "x", "tests", hub="someone/models", path="models/a.safetensors")
try:
    print(download(file, Path(sys.argv[2])))
except RelightError as error:
    print(error)
"""


def from_hub(server, repo_root, folder, offline="0"):
    """What a process of its own prints, whose hub is the server."""
    environment = {**os.environ, "HF_ENDPOINT": url_of(server), "HF_HUB_OFFLINE": offline, "HF_HOME": str(folder / "home")}
    done = subprocess.run([sys.executable, "-c", HUB, str(repo_root), str(folder)], capture_output=True, text=True, env=environment)
    assert done.returncode == 0, done.stderr
    return done.stdout.strip()


def test_from_the_hub(server, repo_root, tmp_path):
    assert from_hub(server, repo_root, tmp_path) == str(tmp_path / "tiny.safetensors")
    assert (tmp_path / "tiny.safetensors").read_bytes() == CONTENT and not (tmp_path / STAGING).exists()


@pytest.mark.parametrize("status, offline, reason", [
    (404, "0", "the file is no longer at its address"), (403, "0", "the server denies access"),
    ("", "1", "the environment variable HF_HUB_OFFLINE forbids it")])
def test_each_reason_of_the_hub(server, repo_root, tmp_path, status, offline, reason):
    server.behaviour = status
    assert from_hub(server, repo_root, tmp_path, offline).startswith(f"tiny.safetensors could not be downloaded ({reason}")
    assert not (tmp_path / "tiny.safetensors").exists()


@pytest.mark.parametrize("etag", ['"one"', '"two"'])
def test_a_dropped_connection_is_resumed_unless_the_file_has_changed(known, server, tmp_path, etag):
    server.behaviour = "drop"
    assert (f"tiny.safetensors could not be downloaded (OSError: the connection ended after {len(CONTENT) // 2:,} of "
            f"{len(CONTENT):,} bytes); run the command again to go on, or save the file from") in failure(known(), tmp_path)
    server.behaviour, server.etag = "", etag
    assert download(known(), tmp_path).read_bytes() == CONTENT
    wanted = f"bytes={len(CONTENT) // 2}-"
    assert [given for _, given in server.asked] == [None, wanted]


@pytest.mark.parametrize("how, reason", [
    (401, "the server asks for a login: accept the licence on the file's page and set HF_TOKEN"),
    (403, "the server denies access: accept the licence on the file's page and set HF_TOKEN"),
    (404, "the file is no longer at its address"), (429, "the server is busy: try again in some minutes"),
    (500, "HTTPError: HTTP Error 500: Internal Server Error"), ("html", "OSError: the server sent a web page instead"),
    ("stall", "the server sent nothing for 0.2 seconds"),
])
def test_each_reason(known, server, tmp_path, monkeypatch, how, reason):
    monkeypatch.setattr(module, "TIMEOUT_SECONDS", 0.2)
    server.behaviour = how
    assert failure(known(), tmp_path).startswith(f"tiny.safetensors could not be downloaded ({reason}); ")


@pytest.mark.parametrize("content, reason", [
    (CONTENT[:-1] + b"x", "its SHA-256 is not the published one"),
    (CONTENT[:100], f"it has 100 bytes instead of {len(CONTENT):,}"),
])
def test_another_content_is_deleted(known, server, tmp_path, content, reason):
    server.content = content
    assert failure(known(), tmp_path).startswith(f"tiny.safetensors was not kept: {reason}; get it again, or from ")
    server.content = CONTENT
    assert download(known(), tmp_path).read_bytes() == CONTENT


def test_too_little_room(known, server, tmp_path, monkeypatch):
    monkeypatch.setattr(shutil, "disk_usage", lambda folder: SimpleNamespace(free=10**6))
    assert failure(known(), tmp_path) == (f"tiny.safetensors needs 0.0 GB and {tmp_path} has 0.0 GB free; make room, or name "
                                          "another folder.")
    assert server.asked == []


def test_unfinished_downloads_are_not_listed(tmp_path):
    (tmp_path / STAGING / "tiny").mkdir(parents=True)
    (tmp_path / STAGING / "tiny" / "model.safetensors").write_bytes(b"")
    assert list_files([tmp_path]) == []
