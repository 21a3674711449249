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
