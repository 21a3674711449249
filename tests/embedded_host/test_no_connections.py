"""Starting the host and building its page opens no connection to other machines."""

import os
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
CODE = """
import socket, sys, types
asked = []
def never(self, address, *args):
    asked.append(address)
    raise OSError("no connections in this test")
socket.socket.connect = socket.socket.connect_ex = never
lookup = socket.getaddrinfo
socket.getaddrinfo = lambda host, *args, **kwargs: asked.append(host) or lookup("127.0.0.1", *args, **kwargs)
sys.modules["sd_relight"] = types.ModuleType("sd_relight")
sys.modules["sd_relight"].__path__ = [sys.argv[1]]
from sd_relight.embedded_host.host import EmbeddedHost
host = EmbeddedHost(sys.argv[1] + "/models/demo", device="cpu", data_dir=sys.argv[2])
host.build_ui()
import threading
for thread in threading.enumerate():
    if thread is not threading.current_thread():
        thread.join(5)
print("asked:", asked)
"""


def test_no_address_is_asked_for(tmp_path):
    environment = {name: value for name, value in os.environ.items() if name != "GRADIO_ANALYTICS_ENABLED"}
    result = subprocess.run([sys.executable, "-c", CODE, str(ROOT), str(tmp_path)], capture_output=True, text=True,
                            env=environment, timeout=240)
    assert result.stdout.splitlines()[-1:] == ["asked: []"], result.stdout + result.stderr
