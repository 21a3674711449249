"""What is read from a file is cached until the file changes."""

import os

from sd_relight.lib_common.file_cache import cached_by_mtime
from sd_relight.lib_ipadapter.encode import encoder


def test_a_file_is_read_again_once_it_has_changed(tmp_path):
    path, read = tmp_path / "model.bin", []

    @cached_by_mtime
    def size(path, unit="bytes"):
        read.append(unit)
        return len(path.read_bytes()) if path.exists() else None

    assert [size(path), size(path)] == [None, None] and len(read) == 2, "a missing file is looked for each time"
    path.write_bytes(b"one")
    assert [size(path), size(path), size(path, "letters")] == [3, 3, 3] and read[2:] == ["bytes", "letters"]
    path.write_bytes(b"three")
    os.utime(path, ns=(1, 1))
    assert size(path) == 5
    os.utime(path, ns=(2, 2))
    assert size(path) == 5 and len(read) == 6


def test_an_encoder_that_comes_later_is_found(tmp_path):
    path = tmp_path / "vision.safetensors"
    assert encoder.cached_inspect(path) is None
    path.write_bytes(b"no model")
    message = encoder.cached_inspect(path)
    assert "vision.safetensors" in message and encoder.cached_inspect(path) is message
