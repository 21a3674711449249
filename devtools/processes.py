"""Child processes that end with the command that started them, also when that is interrupted or terminated."""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import NoReturn

PATIENCE_SECONDS = 10
"""How long an interrupted child may take to clean up before it is killed."""

running: set[subprocess.Popen] = set()
stopping = threading.Event()


class Stopped(RuntimeError):
    """Raised when a child is started after all children have been ended."""


@contextlib.contextmanager
def child(command: Sequence[str | Path], env: dict[str, str] | None = None, **kwargs) -> Iterator[subprocess.Popen]:
    """Starts a command with `env` added to this process' variables; both its outputs are read through process.stdout.

    It is in a session of its own, so that Ctrl+C reaches it once, through `end`. Waits for it on leaving; ends it when
    an exception is raised meanwhile.
    """
    process = None
    try:
        with deferred_signals():
            process = subprocess.Popen([str(word) for word in command], env={**os.environ, **(env or {})}, text=True,
                                       stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
                                       errors="replace", start_new_session=os.name != "nt", **kwargs)
            running.add(process)
        if stopping.is_set():
            raise Stopped("stopped")
        yield process
        process.wait()
    finally:
        if process is not None:
            end(process)
            running.discard(process)
            process.stdout.close()


@contextlib.contextmanager
def deferred_signals() -> Iterator[None]:
    """Delivers SIGINT and SIGTERM to the main thread after the block, so that no child starts without being known."""
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    received: list[int] = []
    handlers = {number: signal.signal(number, lambda number, frame: received.append(number))
                for number in (signal.SIGINT, signal.SIGTERM)}
    try:
        yield
    finally:
        for number, handler in handlers.items():
            signal.signal(number, handler or signal.SIG_DFL)
        for number in received:
            signal.raise_signal(number)


def end(process: subprocess.Popen) -> None:
    """Interrupts a child that is still running, and kills it when it does not end in time."""
    if process.poll() is None:
        process.terminate() if os.name == "nt" else process.send_signal(signal.SIGINT)
        try:
            process.wait(PATIENCE_SECONDS)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()


def end_all() -> None:
    """Ends every child; none can be started after this."""
    stopping.set()
    for process in list(running):
        end(process)


def side_by_side(jobs: Sequence[Callable]) -> list:
    """Calls the functions in threads of their own; returns their results in order. An exception ends all children."""
    with ThreadPoolExecutor(len(jobs)) as pool:
        futures = [pool.submit(job) for job in jobs]
        try:
            return [future.result() for future in futures]
        except BaseException:
            end_all()
            raise


def replace_process(command: Sequence[str | Path], env: dict[str, str]) -> NoReturn:
    """Goes on as another command with the same process id where the system can, so that signals reach it."""
    words, variables = [str(word) for word in command], {**os.environ, **env}
    sys.stdout.flush()
    sys.stderr.flush()
    if os.name == "nt":
        sys.exit(subprocess.run(words, env=variables).returncode)
    os.execve(words[0], words, variables)


def exit_when_terminated() -> None:
    """Makes SIGTERM unwind the main thread with exit code 143 as Ctrl+C does, so that children are ended."""
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(128 + signal.SIGTERM))
