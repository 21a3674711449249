"""A web page of another origin, and the requests that it makes."""

import threading
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

ADDRESSES = ("relight/v1/status", "relight/v1/presets", "relight/v1/check", "relight/v1/preview/light", "relight/v1/preview/matte",
             "relight/v1/preview/cancel")
BODY = '{"iclight": {"light": "left"}}'
ATTACK = """
const [url, method, mode, type, body, done] = arguments;
const options = {method, mode, credentials: "include"};
if (method !== "GET") Object.assign(options, {body, headers: {"Content-Type": type}});
fetch(url, options).then(async reply => done([reply.type, reply.status, await reply.text()]), error => done(["error", 0, ""]));
"""


class EmptyPage(BaseHTTPRequestHandler):
    def do_GET(self):
        self.send_response(200)
        self.end_headers()

    def log_message(self, *args):
        pass


@contextmanager
def served(handler):
    """The address of a server on a port of its own."""
    server = ThreadingHTTPServer(("127.0.0.1", 0), handler)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield f"http://127.0.0.1:{server.server_port}"
    server.shutdown()
    server.server_close()
