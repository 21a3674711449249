"""A proxy that logs and never answers: every connection to another machine that a command opens."""

import os
import socketserver
import threading

import pytest

VARIABLES = ("http_proxy", "https_proxy", "all_proxy", "ftp_proxy")


class SilentProxy(socketserver.ThreadingTCPServer):
    """asked: the first line of every request. Connections stay open without an answer until the proxy ends."""

    daemon_threads = True

    def __init__(self):
        super().__init__(("127.0.0.1", 0), None)
        self.asked, self.ended = [], threading.Event()

    def finish_request(self, request, client_address):
        self.asked.append(request.recv(4096).partition(b"\r\n")[0])
        self.ended.wait()

    @property
    def environment(self):
        """os.environ with this proxy for everything but this machine, and without any variable that stops telemetry."""
        address = f"http://127.0.0.1:{self.server_address[1]}"
        ours = {name: address for variable in VARIABLES for name in (variable, variable.upper())}
        left_out = ("GRADIO_ANALYTICS_ENABLED", "HF_HUB_OFFLINE", "HF_HUB_DISABLE_TELEMETRY", "DO_NOT_TRACK", "TRANSFORMERS_OFFLINE")
        kept = {name: value for name, value in os.environ.items() if name not in left_out}
        return {**kept, **ours, "no_proxy": "127.0.0.1,localhost", "NO_PROXY": "127.0.0.1,localhost"}


@pytest.fixture(scope="module")
def proxy():
    with SilentProxy() as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield server
        server.ended.set()
        server.shutdown()
