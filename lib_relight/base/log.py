"""The logger whose messages reach the console of every host, whatever the host's own logging is set to."""

from __future__ import annotations

import logging


class ConsoleHandler(logging.Handler):
    """Prints each message to the stdout of the moment."""

    def emit(self, record: logging.LogRecord) -> None:
        print(f"[Relight] {record.getMessage()}", flush=True)


logger = logging.getLogger("sd_relight")
logger.handlers, logger.propagate = [ConsoleHandler()], False
logger.setLevel(logging.INFO)
