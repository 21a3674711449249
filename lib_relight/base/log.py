"""The logger; its messages reach the console of every host, independent of the host's logging level."""

from __future__ import annotations

import logging


class ConsoleHandler(logging.Handler):
    """Prints each message to the current sys.stdout."""

    def emit(self, record: logging.LogRecord) -> None:
        print(f"[Relight] {record.getMessage()}", flush=True)


logger = logging.getLogger("sd_relight")
logger.handlers, logger.propagate = [ConsoleHandler()], False
logger.setLevel(logging.INFO)
