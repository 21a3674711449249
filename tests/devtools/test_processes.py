"""Child processes end with the command that started them."""

import contextlib
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
from children import started_from_a_terminal

pytestmark = pytest.mark.same_everywhere
DEVTOOLS = Path(__file__).resolve().parents[2] / "devtools"
posix_only = pytest.mark.skipif(os.name == "nt", reason="POSIX signals")


@pytest.fixture
def processes(dev):
    yield sys.modules["processes"]
    sys.modules["processes"].stopping.clear()


@contextlib.contextmanager
def start(code, *arguments):
    """A process of its own that runs code with devtools/ on its path; prints are read from stdout. Killed at the end."""
    code = f"import sys; sys.path.insert(0, {str(DEVTOOLS)!r})\n{code}"
    with subprocess.Popen([sys.executable, "-c", code, *map(str, arguments)], stdout=subprocess.PIPE, text=True,
                          preexec_fn=None if os.name == "nt" else started_from_a_terminal) as process:
        try:
            yield process
        finally:
            process.kill()


def ends(pid, seconds=10):
    """Whether a process is gone within this time."""
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        try:
            os.kill(pid, 0)
        except ProcessLookupError:
            return True
        time.sleep(0.05)
    return False


def test_output_and_exit_code(processes):
    with processes.child([sys.executable, "-c", "import os, sys; print(os.environ['A']); sys.exit(3)"], {"A": "b"}) as process:
        assert process.stdout.read().split() == ["b"]
    assert process.returncode == 3 and not processes.running


def test_an_exception_ends_the_child(processes):
    with pytest.raises(ZeroDivisionError), processes.child([sys.executable, "-c", "import time; time.sleep(60)"]) as process:
        1 / 0  # noqa: B018
    assert process.returncode not in (None, 0)


def test_side_by_side_keeps_the_order_and_ends_the_others_on_an_error(processes):
    assert processes.side_by_side([lambda: 1, lambda: 2]) == [1, 2]

    def sleeping():
        with processes.child([sys.executable, "-c", "import time; time.sleep(60)"]) as process:
            process.stdout.read()

    def failing():
        while not processes.running:
            time.sleep(0.01)
        raise KeyError("x")

    began = time.monotonic()
    with pytest.raises(KeyError):
        processes.side_by_side([failing, sleeping])
    assert time.monotonic() - began < 30
    with pytest.raises(processes.Stopped), processes.child([sys.executable, "-c", ""]):
        pass


STALLED_PIP = """
import pathlib, environments, processes
processes.exit_when_terminated()
job = lambda: environments.pip_step(sys.argv[1], [], pathlib.Path("pip.log"), "something", ".")
processes.side_by_side([job]) if sys.argv[2] == "thread" else job()
"""


@posix_only
@pytest.mark.parametrize("where", ["main", "thread"])
@pytest.mark.parametrize(("number", "code"), [(signal.SIGTERM, 143), (signal.SIGINT, -signal.SIGINT)])
def test_a_stalled_pip_can_be_interrupted(tmp_path, monkeypatch, where, number, code):
    monkeypatch.chdir(tmp_path)
    pip = tmp_path / "python"
    pip.write_text(f"#!/bin/sh\necho $$ > {tmp_path}/pid\nexec sleep 60\n")
    pip.chmod(0o755)
    with start(STALLED_PIP, pip, where) as process:
        while not (tmp_path / "pid").exists() or not (tmp_path / "pid").read_text().strip():
            time.sleep(0.05)
        process.send_signal(number)
        assert process.wait(20) == code
    assert ends(int((tmp_path / "pid").read_text()))


@posix_only
def test_the_command_keeps_the_process_id_so_that_signals_reach_it():
    code = "import processes\nprint('before'); processes.replace_process([sys.executable, '-c', sys.argv[1]], {'A': 'b'})"
    inner = "import os, time; print(os.getpid(), os.environ['A'], flush=True); time.sleep(60)"
    with start(code, inner) as process:
        assert process.stdout.readline() == "before\n"
        assert process.stdout.readline().split() == [str(process.pid), "b"]
        process.terminate()
        assert process.wait(10) == -signal.SIGTERM
