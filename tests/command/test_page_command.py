"""Start and end of `dev.py demo --ui`, as a user does it."""

import contextlib
import os
import signal
import socket
import subprocess
import sys
from pathlib import Path

import pytest
from children import started_from_a_terminal
from sd_relight.embedded_host.cli import demo
from sd_relight.lib_relight.base.errors import RelightError

ROOT = Path(__file__).resolve().parents[2]
pytestmark = [pytest.mark.same_everywhere, pytest.mark.skipif(os.name == "nt", reason="POSIX signals")]


@pytest.fixture
def free_port():
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


@contextlib.contextmanager
def start_page(port, environment):
    """The command in the interpreter of these tests; killed if it is still running at the end."""
    process = subprocess.Popen([sys.executable, str(ROOT / "dev.py"), "demo", "--ui", "--device", "cpu", "--port", str(port)],
                            env={**environment, "RELIGHT_INSIDE": "1"}, stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
                            text=True, preexec_fn=started_from_a_terminal)
    with process:
        try:
            yield process
        finally:
            process.kill()


@pytest.mark.parametrize(("number", "code"), [(signal.SIGINT, 130), (signal.SIGTERM, -signal.SIGTERM)])
def test_the_page_answers_when_its_address_is_printed_and_frees_its_port(free_port, proxy, number, code):
    with start_page(free_port, proxy.environment) as process:
        lines = []
        while not any(line.startswith("open http") for line in lines):
            lines.append(process.stdout.readline())
            assert lines[-1], lines
        assert f"open http://127.0.0.1:{free_port}  (Ctrl+C ends it)\n" in lines
        with socket.create_connection(("127.0.0.1", free_port), timeout=5) as page:
            page.sendall(b"GET / HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n")
            assert page.recv(100).startswith(b"HTTP/1.1 200")
            process.send_signal(number)
            assert process.wait(30) == code
        demo.check_port(free_port)
    assert proxy.asked == []


def test_a_port_in_use_is_rejected_and_one_with_old_connections_is_not():
    with socket.socket() as server:
        server.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        server.bind(("127.0.0.1", 0))
        server.listen()
        port = server.getsockname()[1]
        with socket.create_connection(("127.0.0.1", port)) as client:
            connection, _ = server.accept()
            with pytest.raises(RelightError, match=f"--port {port} cannot be used"):
                demo.check_port(port)
            connection.close()  # the server's side closes first, so its port keeps a TIME_WAIT entry
            assert client.recv(1) == b""
    demo.check_port(port)
