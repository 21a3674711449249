"""Hosts that tests start end with the test run, also when it is killed."""

import ctypes
import signal
import sys

PR_SET_PDEATHSIG = 1
libc = ctypes.CDLL(None) if sys.platform == "linux" else None


def end_with_parent():
    """For subprocess.Popen's preexec_fn, on Linux; elsewhere a killed run leaves its hosts behind."""
    if libc is not None:
        libc.prctl(PR_SET_PDEATHSIG, signal.SIGTERM)


def started_from_a_terminal():
    """For preexec_fn: as end_with_parent, and Ctrl+C works even if these tests run in the background with SIGINT ignored."""
    end_with_parent()
    signal.signal(signal.SIGINT, signal.SIG_DFL)
