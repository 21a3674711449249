"""The lock of an environment that is being made."""

import subprocess
import sys
import threading

import pytest

HOLD = """
import sys
sys.path.insert(0, sys.argv[1])
import locks
from pathlib import Path
with locks.locked(Path(sys.argv[2])):
    print("held", flush=True)
    sys.stdin.read()
"""


@pytest.fixture
def locks(dev):
    return sys.modules["locks"]


@pytest.mark.parametrize("left", ["", "1", "999999999", "not a number"])
def test_a_lock_file_that_nobody_holds_does_not_block(locks, tmp_path, left):
    path = tmp_path / "x.lock"
    path.write_text(left)
    with locks.locked(path):
        pass
    with locks.locked(path):
        pass


def test_threads_of_one_process_wait_for_each_other(locks, tmp_path, capsys):
    path, order = tmp_path / "sub" / "x.lock", []

    def second():
        with locks.locked(path, poll=0.01):
            order.append("second")

    with locks.locked(path):
        waiting = threading.Thread(target=second)
        waiting.start()
        waiting.join(0.1)
        order.append("first")
    waiting.join(5)
    assert order == ["first", "second"]
    assert capsys.readouterr().out == "waiting for another dev.py to finish its installation (x.lock)\n"


def test_a_killed_process_releases_its_lock(locks, tmp_path):
    path = tmp_path / "x.lock"
    words = [sys.executable, "-c", HOLD, str(locks.__file__).rpartition("locks.py")[0], str(path)]
    with subprocess.Popen(words, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as holder:
        assert holder.stdout.readline() == "held\n"
        with path.open("a") as file:
            assert not locks.acquire(file)
        holder.kill()
        holder.wait()
    with path.open("a") as file:
        assert locks.acquire(file)
