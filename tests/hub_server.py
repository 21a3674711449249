"""A server that plays the hub and a plain file server, and misbehaves on demand."""

import hashlib
import http.server
import threading
from contextlib import contextmanager

import torch
from safetensors.torch import save
from sd_relight.lib_relight.base.known_files import KnownFile

CONTENT = save({"numbers": torch.arange(2**16, dtype=torch.int32)})
SHA256 = hashlib.sha256(CONTENT).hexdigest()
HALF = len(CONTENT) // 2


class Handler(http.server.BaseHTTPRequestHandler):
    """Redirects the hub's addresses to /file, as the hub does; server.how says how /file misbehaves."""

    def do_GET(self):
        server = self.server
        server.asked.append((self.path, self.headers.get("Range"), self.headers.get("Authorization")))
        if "/resolve/main/" in self.path and not isinstance(server.how, int):
            self.send_response(302)
            self.send_header("Location", f"{server.cdn or server.url}/file")
            self.send_header("X-Linked-ETag", f'"{server.sha256}"')
            self.send_header("Content-Length", "0")
            return self.end_headers()
        getattr(self, f"do_{server.how}".replace(" ", "_"), self.do_file)()

    def do_file(self):
        server, how = self.server, self.server.how
        if isinstance(how, int):
            return self.send_error(how)
        start = int((self.headers.get("Range") or "bytes=0-")[6:].split("-")[0])
        start = start if self.headers.get("If-Range") in (None, server.etag) else 0
        body = server.content[start:]
        self.begin(206 if start else 200, len(body), start + (how == "another part"))
        self.wfile.write(body[: len(body) // 2] if how in ("drop", "stall inside") else body)
        if how == "stall inside":
            server.ended.wait(5)

    def do_stall(self):
        self.server.ended.wait(5)

    def do_web_page(self):
        self.begin(200, 4, kind="text/html")
        self.wfile.write(b"<ht>")

    def do_short_length(self):
        self.begin(200, HALF)
        self.wfile.write(CONTENT)

    def do_long_length(self):
        self.begin(200, 2 * len(CONTENT))
        self.wfile.write(CONTENT)

    def do_endless(self):
        self.begin(200, None)
        for _ in range(20):
            self.wfile.write(CONTENT)

    def do_loop(self):
        self.send_response(302)
        self.send_header("Location", self.path)
        self.end_headers()

    def begin(self, status, length, start=0, kind="application/octet-stream"):
        self.send_response(status)
        self.send_header("Content-Type", kind)
        if length is not None:
            self.send_header("Content-Length", str(length))
        if status == 206:
            self.send_header("Content-Range", f"bytes {start}-{start + length - 1}/{len(self.server.content)}")
        if self.server.etag:
            self.send_header("ETag", self.server.etag)
        self.end_headers()

    def log_message(self, *args):
        pass


class Server(http.server.ThreadingHTTPServer):
    daemon_threads = True

    def __init__(self):
        super().__init__(("127.0.0.1", 0), Handler)
        self.how, self.content, self.sha256, self.etag, self.cdn, self.asked = "", CONTENT, SHA256, '"one"', "", []
        self.url, self.ended = f"http://127.0.0.1:{self.server_address[1]}", threading.Event()

    def handle_error(self, request, client_address):
        """Clients that give up are part of the tests."""

    def file(self, **changes):
        """A known file on this server, not on the hub."""
        return KnownFile(**{"name": "tiny", "file": "tiny.safetensors", "kind": "IC-Light", "licence": "Apache-2.0", "folder": "x",
                            "purpose": "tests", "size": len(CONTENT), "sha256": SHA256, "url": f"{self.url}/tiny", **changes})

    def hub_file(self, **changes):
        return self.file(**{"url": "", "hub": "someone/models", "path": "models/a.safetensors", "size": None, "sha256": None, **changes})


@contextmanager
def running():
    with Server() as server:
        threading.Thread(target=server.serve_forever, args=(0.02,), daemon=True).start()
        yield server
        server.ended.set()
        server.shutdown()
