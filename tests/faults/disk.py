"""A small disk of its own that can be filled and made read-only."""

import contextlib
import subprocess

import pytest


class Disk:
    """`with Disk(folder) as disk: disk.fill()`; the folder is a file system in memory. Skips the test where it cannot be mounted."""

    def __init__(self, folder, size="4m"):
        self.folder, self.size = folder, size
        self.filler = folder / "filler"

    def __enter__(self):
        self.folder.mkdir(parents=True, exist_ok=True)
        try:
            self.mount("-t", "tmpfs", "-o", f"size={self.size}", "relight-test")
        except (OSError, subprocess.CalledProcessError) as error:
            pytest.skip(f"no disk can be mounted here ({error})")
        return self

    def mount(self, *words):
        subprocess.run(["mount", *words, str(self.folder)], check=True, capture_output=True, text=True)

    def break_(self, how):
        """how: full or read-only"""
        if how == "read-only":
            return self.mount("-o", "remount,ro")
        with contextlib.suppress(OSError), self.filler.open("wb", buffering=0) as file:
            while True:
                file.write(bytes(4096))

    def repair(self):
        self.mount("-o", "remount,rw")
        self.filler.unlink(missing_ok=True)

    def __exit__(self, *_):
        subprocess.run(["umount", "--lazy", str(self.folder)], check=True, capture_output=True)
