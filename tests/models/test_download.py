"""Downloads from a server that misbehaves: each case has its sentence, and nothing partial is ever listed."""

import errno
import os
import shutil
import signal
import sys
import threading
import time
from types import SimpleNamespace

import hub_server
import huggingface_hub.constants
import huggingface_hub.utils
import pytest
from hub_server import CONTENT, HALF
from sd_relight.lib_relight.base.errors import RelightError
from sd_relight.lib_relight.base.progress import Stopped
from sd_relight.lib_relight.models import download as module, source
from sd_relight.lib_relight.models.download import download, part_of
from sd_relight.lib_relight.models.integrity import STAGING
from sd_relight.lib_relight.models.listing import list_files


@pytest.fixture
def wait_for_server(monkeypatch):
    """wait_for_server(seconds) sets how long a download waits for a server that sends nothing."""
    return lambda seconds: monkeypatch.setattr(source, "TIMEOUT_SECONDS", seconds)


@pytest.fixture
def server(monkeypatch, wait_for_server):
    with hub_server.running() as started:
        monkeypatch.setenv("HF_ENDPOINT", started.url)
        monkeypatch.setattr(huggingface_hub.constants, "HF_HUB_OFFLINE", False)
        wait_for_server(30)
        yield started


def failure(file, folder):
    with pytest.raises(RelightError) as caught:
        download(file, folder)
    assert not (folder / file.file).exists() and list_files([folder]) == []
    return caught.value.detail


def test_a_whole_file_is_moved_into_place_and_not_fetched_again(server, tmp_path):
    seen = []
    path = download(server.file(), tmp_path, lambda done, total: seen.append((done, total)))
    assert path.read_bytes() == CONTENT and seen[-1] == (len(CONTENT), len(CONTENT))
    assert download(server.file(), tmp_path) == path and len(server.asked) == 1
    assert list(tmp_path.iterdir()) == [path]


@pytest.mark.parametrize("how, reason", [
    (401, "the server asks for a login: accept the licence on the file's page and set HF_TOKEN"),
    (403, "the server denies access: accept the licence on the file's page and set HF_TOKEN"),
    (404, "the file is no longer at its address"), (429, "the server is busy: try again in some minutes"),
    (500, "the server answered 500 Internal Server Error"), ("web page", "the server sent a web page instead"),
    ("stall", "the server sent nothing for 0.3 seconds"), ("stall inside", "the server sent nothing for 0.3 seconds"),
    ("drop", f"the connection ended after {HALF:,} of {len(CONTENT):,} bytes"),
    ("long length", f"the connection ended after {len(CONTENT):,} of {2 * len(CONTENT):,} bytes"),
])
def test_each_reason_and_the_next_attempt(server, wait_for_server, tmp_path, how, reason):
    server.how, file = how, server.file()
    wait_for_server(0.3 if "stall" in str(how) else 30)
    assert failure(file, tmp_path) == (f"tiny.safetensors could not be downloaded ({reason}); get it again to go on, or save the "
                                       f"file from {server.url}/tiny as {tmp_path / 'tiny.safetensors'}.")
    server.how = ""
    wait_for_server(30)
    assert download(file, tmp_path).read_bytes() == CONTENT


@pytest.mark.parametrize("change, reason", [
    ({"content": CONTENT[:-1] + b"x"}, "its SHA-256 is not the published one"),
    ({"content": CONTENT[:100]}, f"it has 100 bytes instead of {len(CONTENT):,}"),
    ({"how": "short length"}, f"it has {HALF:,} bytes instead of {len(CONTENT):,}"),
    ({"how": "endless"}, "it has "),
])
def test_another_content_is_deleted(server, tmp_path, change, reason):
    vars(server).update(change)
    assert failure(server.file(), tmp_path).startswith(f"tiny.safetensors was not kept: {reason}")
    assert not part_of(server.file(), tmp_path).exists()
    vars(server).update(content=CONTENT, how="")
    assert download(server.file(), tmp_path).read_bytes() == CONTENT


@pytest.mark.parametrize("etag", ['"one"', '"two"', ""])
def test_a_dropped_connection_is_resumed_unless_the_file_has_changed(server, tmp_path, etag):
    server.how = "drop"
    failure(server.file(), tmp_path)
    server.how, server.etag = "", etag
    assert download(server.file(), tmp_path).read_bytes() == CONTENT
    assert [given for _, given, _ in server.asked] == [None, f"bytes={HALF}-"]


def test_a_part_without_a_tag_of_a_file_without_a_hash_starts_anew(server, tmp_path):
    server.how, server.etag, file = "drop", "", server.file(sha256=None)
    failure(file, tmp_path)
    server.how = ""
    assert download(file, tmp_path).read_bytes() == CONTENT
    assert [given for _, given, _ in server.asked] == [None, None]


def test_parts_that_the_server_did_not_send_as_requested(server, tmp_path):
    server.how, file = "drop", server.file()
    failure(file, tmp_path)
    server.how = "another part"
    assert "(the server sent another part of the file than requested)" in failure(file, tmp_path)
    part_of(file, tmp_path).write_bytes(CONTENT + b"x")
    server.how = ""
    assert download(file, tmp_path).read_bytes() == CONTENT


def test_a_part_beyond_the_end_starts_anew(server, tmp_path, monkeypatch):
    file = server.file(size=None)
    part = part_of(file, tmp_path)
    part.parent.mkdir(parents=True)
    part.write_bytes(b"begun")
    do_file = hub_server.Handler.do_file
    monkeypatch.setattr(hub_server.Handler, "do_file",
                        lambda handler: handler.send_error(416) if handler.headers.get("Range") else do_file(handler))
    assert download(file, tmp_path).read_bytes() == CONTENT


def test_too_little_room(server, tmp_path, monkeypatch):
    monkeypatch.setattr(shutil, "disk_usage", lambda folder: SimpleNamespace(free=10**6))
    for file in (server.file(), server.file(size=None)):
        assert failure(file, tmp_path) == (f"tiny.safetensors needs 0 MB more and {tmp_path} has 1 MB free; make room, or name "
                                           "another folder.")
    assert not part_of(file, tmp_path).exists()


def test_the_disk_gets_full(server, tmp_path, monkeypatch):
    def copy(*args):
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(module, "copy", copy)
    assert "could not be downloaded (the disk is full: make room); get it again to go on" in failure(server.file(), tmp_path)


def test_a_folder_that_cannot_be_made(server, tmp_path):
    (tmp_path / "file").write_bytes(b"")
    with pytest.raises(RelightError, match=r"could not be downloaded \(.*Not a directory"):
        download(server.file(), tmp_path / "file" / "models")


@pytest.mark.parametrize("cdn, login", [("", "Bearer hf_secret"), ("http://localhost:{port}", None)])
def test_from_the_hub_with_a_token_for_it_alone(server, tmp_path, monkeypatch, cdn, login):
    monkeypatch.setattr(huggingface_hub.utils, "build_hf_headers", lambda: {"authorization": "Bearer hf_secret"})
    server.cdn = cdn.format(port=server.server_address[1])
    assert download(server.hub_file(), tmp_path).read_bytes() == CONTENT
    assert server.asked == [("/someone/models/resolve/main/models/a.safetensors", None, "Bearer hf_secret"), ("/file", None, login)]


def test_the_hub_states_the_hash_of_files_without_a_known_one(server, tmp_path):
    server.sha256 = "0" * 64
    assert failure(server.hub_file(), tmp_path).startswith("tiny.safetensors was not kept: its SHA-256 is not the published one; ")


@pytest.mark.parametrize("suffix", ["safetensors", "onnx"])
def test_files_without_any_hash_must_be_readable(server, tmp_path, suffix):
    server.content = b""
    file = server.file(size=None, sha256=None, file=f"tiny.{suffix}")
    assert failure(file, tmp_path).startswith(f"tiny.{suffix} was not kept: ")


def test_offline_mode_of_the_hub(server, tmp_path, monkeypatch):
    monkeypatch.setattr(huggingface_hub.constants, "HF_HUB_OFFLINE", True)
    assert "(the environment variable HF_HUB_OFFLINE forbids it)" in failure(server.hub_file(), tmp_path)
    assert server.asked == []


def test_without_huggingface_hub(server, tmp_path, monkeypatch):
    monkeypatch.setitem(sys.modules, "huggingface_hub", None)
    assert download(server.hub_file(), tmp_path).read_bytes() == CONTENT


def test_a_cancelled_download_keeps_its_part(server, tmp_path):
    def cancel(done, total):
        raise Stopped

    with pytest.raises(Stopped):
        download(server.file(), tmp_path, cancel)
    assert list_files([tmp_path]) == [] and part_of(server.file(), tmp_path).stat().st_size > 0
    assert download(server.file(), tmp_path).read_bytes() == CONTENT


def test_the_second_of_two_waits_for_the_first(server, wait_for_server, tmp_path):
    server.how = "stall inside"
    wait_for_server(0.3)
    first = threading.Thread(target=lambda: pytest.raises(RelightError, download, server.file(), tmp_path))
    first.start()
    while not server.asked:
        time.sleep(0.01)
    server.how = ""
    wait_for_server(30)
    assert download(server.file(), tmp_path).read_bytes() == CONTENT
    first.join()
    assert [given for _, given, _ in server.asked] == [None, f"bytes={HALF}-"]


def test_a_killed_process_is_resumed(server, tmp_path):
    child = os.fork()
    if not child:
        download(server.file(), tmp_path, lambda done, total: done > 100_000 and os.kill(os.getpid(), signal.SIGKILL))
    assert os.waitpid(child, 0)[1] == signal.SIGKILL
    part = part_of(server.file(), tmp_path)
    have = part.stat().st_size
    assert list_files([tmp_path]) == [] and part.read_bytes() == CONTENT[:have]
    assert download(server.file(), tmp_path).read_bytes() == CONTENT
    assert server.asked[-1][1] == f"bytes={have}-" if have < len(CONTENT) else len(server.asked) == 1
    assert [path.name for path in tmp_path.iterdir()] == ["tiny.safetensors"]


def test_unfinished_downloads_are_not_listed(tmp_path):
    (tmp_path / STAGING / "tiny").mkdir(parents=True)
    (tmp_path / STAGING / "tiny" / "model.safetensors").write_bytes(b"")
    assert list_files([tmp_path]) == []
