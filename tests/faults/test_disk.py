"""A disk that is full or read-only wherever we write: the message, what is left behind, and that it works again afterwards."""

import hashlib
import http.server
import json
import os
import pickle
import re
import signal
import subprocess
import sys
import threading
from dataclasses import replace
from types import SimpleNamespace

import pytest
import requests
from faults.conftest import subject
from faults.disk import Disk
from PIL import Image
from sd_relight.embedded_host.cli import batch, cli
from sd_relight.embedded_host.cli.session import RelitImages
from sd_relight.lib_relight.base.errors import RelightError
from sd_relight.lib_relight.base.known_files import known_files
from sd_relight.lib_relight.hosts import results
from sd_relight.lib_relight.models.download import download

pytestmark = pytest.mark.same_everywhere
REASON = {"full": "No space left on device", "read-only": "Read-only file system"}
each_fault = pytest.mark.parametrize("how", REASON)


@each_fault
def test_presets(client, data_dir, how):
    def put(name):
        return requests.put(f"{client.process.url}/relight/v1/presets/{name}", json={"light": "left"}, timeout=60)

    def names():
        return set(requests.get(f"{client.process.url}/relight/v1/presets", timeout=60).json()["presets"])

    with Disk(data_dir / "relight") as disk:
        assert put("kept").status_code == 200
        disk.break_(how)
        failed = put("lost")
        assert failed.status_code == 500
        assert re.fullmatch(rf"The presets could not be written to {disk.folder}/presets.json \(.*{REASON[how]}.*\); check the "
                            r"folder's permissions and free space\.", failed.json()["detail"])
        assert names() == {"kept"} and not list(disk.folder.glob("*.part"))
        client.check_plain()
        disk.repair()
        assert put("after").status_code == 200 and names() == {"kept", "after"}


@each_fault
def test_the_embedded_hosts_saved_images(client, data_dir, how):
    body = {"prompt": "a vase", "steps": 1, "width": 64, "height": 64, "save_images": True,
            "alwayson_scripts": {"Relight": {"args": [{"iclight": {"foreground": subject(), "light": "left"}}]}}}
    with Disk(data_dir / "outputs") as disk:
        disk.break_(how)
        failed = client.post("sdapi/v1/txt2img", body)
        assert failed.status_code == 507 and re.fullmatch(
            rf".* cannot be used \({REASON[how]}\); free some space on its disk, or check its permissions\.", failed.json()["detail"])
        disk.repair()
        assert client.post("sdapi/v1/txt2img", body).status_code == 200


@each_fault
def test_files_beside_saved_images(tmp_path, how):
    with Disk(tmp_path / "disk") as disk:
        added = results.Added("sweep", Image.new("RGB", (8, 8)), bytes(10_000), "webp", str(disk.folder / "0001.png"))
        disk.break_(how)
        with pytest.raises(OSError, match=REASON[how]):
            results.write(added)
        assert {path.name for path in disk.folder.iterdir()} <= {"filler"}
        disk.repair()
        assert results.write(added).read_bytes() == added.data


@each_fault
def test_a_batch_ends_with_a_message_and_goes_on_afterwards(tmp_path, monkeypatch, capsys, how):
    photos, image = tmp_path / "photos", Image.effect_noise((64, 64), 90)
    photos.mkdir()
    for number in range(3):
        image.save(photos / f"{number}.png")
    session = SimpleNamespace(run_set=lambda name, spec: RelitImages([image], [""], {}, 0.1))
    with Disk(tmp_path / "disk") as disk:
        args = SimpleNamespace(command="batch", folder=photos, out=disk.folder / "out", masks=None, seed=1)
        monkeypatch.setattr(cli, "relight_folder", lambda args: batch.Batch(args, session, lambda one: one, cli.message_of).run())
        disk.break_(how)
        assert cli.main(args) == 2
        assert re.fullmatch(rf"dev.py: .* cannot be used \({REASON[how]}\); free some space on its disk, or check its permissions\.\n",
                            capsys.readouterr().err)
        disk.repair()
        assert cli.main(args) == 0
        lines = [json.loads(line) for line in (disk.folder / "out" / "manifest.jsonl").read_text().splitlines()]
        assert [(line["photo"], line["status"]) for line in lines] == [(f"{number}.png", "done") for number in range(3)]
        assert not list((disk.folder / "out").glob(".*"))


CONTENT = os.urandom(3 * 2**20)


class Server(http.server.BaseHTTPRequestHandler):
    """Sends CONTENT, with `slow` set its first half only, and then nothing until it is cleared."""

    slow, half_sent, ranges = threading.Event(), threading.Event(), []

    def do_GET(self):
        self.ranges.append(self.headers.get("Range"))
        start = int((self.headers.get("Range") or "bytes=0-")[6:].rstrip("-"))
        self.send_response(206 if start else 200)
        self.send_header("Content-Length", str(len(CONTENT) - start))
        self.send_header("ETag", '"one"')
        self.end_headers()
        middle = len(CONTENT) // 2
        if self.slow.is_set():
            self.wfile.write(CONTENT[start:middle])
            self.wfile.flush()
            self.half_sent.set()
            threading.Event().wait(5)
        else:
            self.wfile.write(CONTENT[start:])

    def log_message(self, *args):
        pass


@pytest.fixture
def published():
    """A known file on a server of this machine."""
    Server.slow.clear()
    Server.half_sent.clear()
    Server.ranges.clear()
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), Server) as server:
        server.daemon_threads = True
        threading.Thread(target=server.serve_forever, daemon=True).start()
        known = next(file for file in known_files().values() if not file.hub)
        yield replace(known, url=f"http://127.0.0.1:{server.server_address[1]}/file", size=len(CONTENT),
                      sha256=hashlib.sha256(CONTENT).hexdigest())
        server.shutdown()


@each_fault
def test_downloads(tmp_path, published, how):
    with Disk(tmp_path / "disk", "80m") as disk:
        disk.break_(how)
        with pytest.raises(RelightError) as caught:
            download(published, disk.folder)
        assert published.file in str(caught.value) and str(caught.value).endswith(".") and len(str(caught.value)) < 500
        assert ("make room" if how == "full" else REASON[how]) in str(caught.value)
        assert not (disk.folder / published.file).exists()
        disk.repair()
        assert download(published, disk.folder).read_bytes() == CONTENT


DOWNLOAD = """
import sys, types
root = sys.modules["sd_relight"] = types.ModuleType("sd_relight")
root.__path__ = [sys.argv[1]]
import pickle
from pathlib import Path
from sd_relight.lib_relight.models.download import download
download(pickle.loads(bytes.fromhex(sys.argv[3])), Path(sys.argv[2]))
"""


def test_a_download_that_is_killed_is_resumed(tmp_path, published, repo_root):
    Server.slow.set()
    command = [sys.executable, "-c", DOWNLOAD, str(repo_root), str(tmp_path), pickle.dumps(published).hex()]
    with subprocess.Popen(command) as process:
        assert Server.half_sent.wait(60)
        partial = []
        while not partial or not partial[0].stat().st_size:
            partial = list(tmp_path.rglob("*.part"))
            assert process.poll() is None
        process.kill()
        assert process.wait() == -signal.SIGKILL
    assert not (tmp_path / published.file).exists()
    Server.slow.clear()
    have = partial[0].stat().st_size
    assert download(published, tmp_path).read_bytes() == CONTENT
    assert have > 0 and Server.ranges[-1] == f"bytes={have}-" and [path.name for path in tmp_path.iterdir()] == [published.file]
