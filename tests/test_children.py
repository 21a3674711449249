"""What tests start does not outlive them."""

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

RUN = """
import subprocess, sys, time
from children import end_with_parent
print(subprocess.Popen(["sleep", "60"], preexec_fn=end_with_parent, start_new_session=True).pid, flush=True)
time.sleep(60)
"""


@pytest.mark.skipif(sys.platform != "linux", reason="Linux only")
def test_a_killed_run_takes_its_hosts_with_it():
    run = subprocess.Popen([sys.executable, "-c", RUN], stdout=subprocess.PIPE, text=True, cwd=Path(__file__).parent)
    child = int(run.stdout.readline())
    os.kill(child, 0)
    run.send_signal(signal.SIGKILL)
    run.wait()
    deadline = time.monotonic() + 20
    while is_alive(child) and time.monotonic() < deadline:
        time.sleep(0.05)
    assert not is_alive(child)


def is_alive(pid):
    """A zombie that nobody has asked about yet is dead."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except FileNotFoundError:
        return False
