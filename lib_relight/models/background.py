"""Downloads in the background: one thread per file, with progress and cancellation."""

from __future__ import annotations

import threading
import traceback
from dataclasses import dataclass, field
from pathlib import Path

from ..base.errors import is_bug, message_for
from ..base.known_files import KnownFile
from ..base.log import logger
from ..base.progress import Stopped
from .download import download


@dataclass
class Download:
    """done, total: bytes, total is 0 while unknown.  message: why it failed, "" while it runs."""

    file: KnownFile
    folder: Path
    done: int = 0
    total: int = 0
    message: str = ""
    stop: threading.Event = field(default_factory=threading.Event)

    def report(self, done: int, total: int) -> None:
        """Note the progress. Raises Stopped once the download is cancelled."""
        self.done, self.total = done, total or self.total
        if self.stop.is_set():
            raise Stopped


class Downloads:
    """The downloads that run or have failed, by the name of their file."""

    def __init__(self) -> None:
        self.lock = threading.Lock()
        self.by_name: dict[str, Download] = {}

    def get(self, name: str) -> Download | None:
        return self.by_name.get(name)

    def start(self, file: KnownFile, folder: Path) -> None:
        """Begin or resume a download; one that runs is left alone."""
        with self.lock:
            current = self.by_name.get(file.name)
            if current is not None and not current.message:
                return
            begun = self.by_name[file.name] = Download(file, folder, total=file.expected_bytes)
        threading.Thread(target=self.run, args=(begun,), name=f"relight-download-{file.name}", daemon=True).start()

    def cancel(self, name: str) -> None:
        """End a download at its next block, or drop the message of a failed one; the partial file is kept for the next start."""
        with self.lock:
            if (current := self.by_name.pop(name, None)) is not None:
                current.stop.set()

    def run(self, begun: Download) -> None:
        logger.info(f"Downloading {begun.file.file} from {begun.file.source} to {begun.folder}.")
        try:
            path = download(begun.file, begun.folder, begun.report)
        except Stopped:
            return
        except Exception as error:
            if is_bug(error):
                traceback.print_exc()
            begun.message = message_for(error)
            logger.warning(begun.message)
            return
        logger.info(f"Downloaded {path}.")
        with self.lock:
            if self.by_name.get(begun.file.name) is begun:
                del self.by_name[begun.file.name]


downloads = Downloads()
