"""Opens weight files of every container: detected by their first bytes, listed within limits, copied into memory.

    with open_weights(path) as file:
        file.entries          # {key: TensorInfo(shape, dtype)}, from the header alone
        file.read(key)        # a CPU tensor

Nothing in a pickle is imported or called, no file is mapped into memory, and every failure becomes one WeightFileError.
"""

from __future__ import annotations

import logging
import re
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import BinaryIO

import torch

from .errors import UserError, WeightFileError, WeightFileMemoryError
from .fields import printable
from .safetensors_file import SafetensorsReader
from .torch_file import LegacyReader, ZipReader
from .weight_entries import TensorInfo, check_finite, damaged, plain_keys, truncated

logger = logging.getLogger(__name__)
SUFFIXES = (".safetensors", ".sft", ".bin", ".pt", ".pth", ".ckpt")
SHARD = re.compile(r"(?P<model>.+)-(?P<number>\d{5})-of-(?P<count>\d{5})\.\w+")
INDEX_SUFFIX = ".index.json"
WEB_PAGE = (b"<!doctype", b"<html", b"<?xml", b"<head", b"<!--")


class WeightFile:
    """An open weight file. entries: key without wrappers such as `module.` -> TensorInfo, in the file's order."""

    def __init__(self, name: str, reader: SafetensorsReader | ZipReader | LegacyReader):
        self.name, self.reader = name, reader
        self.keys = plain_keys(reader.entries)
        self.entries: dict[str, TensorInfo] = {key: reader.entries[stored] for key, stored in self.keys.items()}

    def read(self, key: str, dtype: torch.dtype | None = None) -> torch.Tensor:
        """Return one tensor on the CPU, floats converted to dtype. Raises WeightFileError for NaN and infinite values."""
        tensor = self.reader.read(self.keys[key])
        check_finite(self.name, key, tensor)
        return tensor.to(dtype) if dtype is not None and tensor.is_floating_point() else tensor

    def read_as(self, keys: Mapping[str, str], dtype: torch.dtype | None = None) -> dict[str, torch.Tensor]:
        """Return {name: tensor} for {name: key}."""
        return {name: self.read(key, dtype) for name, key in keys.items()}


@contextmanager
def open_weights(path: str | Path) -> Iterator[WeightFile]:
    """Open a weight file. Exceptions inside the block that are no UserError become a WeightFileError.

    Also raises WeightFileError if the file was modified while it was open.
    """
    path = Path(path)
    name = printable(path.name)
    reject_shard(name)
    try:
        with open_file(path, name) as file:
            before = identity_of(path)
            yield WeightFile(name, find_reader(path, name, file))
            if identity_of(path) != before:
                raise WeightFileError(f"`{name}` was changed while it was read; wait until it is complete, then try again.")
    except UserError:
        raise
    except TimeoutError:
        raise WeightFileError(f"`{name}` is not read: listing its tensors takes too long; pick another file.") from None
    except FileNotFoundError:
        raise WeightFileError(f"`{name}` was not found in {printable(str(path.parent))}; download it there or pick another "
                              "file.") from None
    except OSError as error:
        raise WeightFileError(f"`{name}` cannot be read ({error.strerror or error}); check the permissions of the file and of "
                              f"{printable(str(path.parent))}.") from None
    except MemoryError:
        raise WeightFileMemoryError(f"`{name}` does not fit into memory; close other programs or pick a smaller file.") from None
    except Exception:
        logger.debug("%s", path, exc_info=True)
        raise damaged(name) from None


def read_header(path: str | Path) -> dict[str, TensorInfo]:
    """Return {key: TensorInfo} of a weight file; no tensor is read. Raises WeightFileError with the file's own message."""
    with open_weights(path) as file:
        return file.entries


def identity_of(path: Path) -> tuple[int, int, int]:
    """Return (inode, size, mtime in ns), which change with a file's content."""
    stat = path.stat()
    return stat.st_ino, stat.st_size, stat.st_mtime_ns


def open_file(path: Path, name: str) -> BinaryIO:
    if path.is_dir():
        raise WeightFileError(f"`{name}` is a folder; pick a weight file inside it.")
    if path.exists() and not path.is_file():
        raise WeightFileError(f"`{name}` is no regular file; pick a weight file.")
    return path.open("rb")


def find_reader(path: Path, name: str, file: BinaryIO) -> SafetensorsReader | ZipReader | LegacyReader:
    """Return the reader for a file's container, detected by its first bytes, not by its name."""
    size = path.stat().st_size
    first = file.read(512)
    file.seek(0)
    reject_impostor(name, first, size)
    if first.startswith(b"PK\x03\x04"):
        return ZipReader(name, file)
    if first[8:9] == b"{":
        return SafetensorsReader(name, file)
    if first[:1] == b"\x80":
        return LegacyReader(name, file)
    if path.suffix.lower() == ".safetensors" and size < 9:
        raise truncated(name, size, "at least 9")
    raise WeightFileError(f"`{name}` is neither a safetensors nor a torch weight file (it starts with {first[:8]!r}); download "
                          "it again or pick another file.")


def reject_shard(name: str) -> None:
    """Raise WeightFileError for one of the files of a split model and for the list of them."""
    part = SHARD.fullmatch(name)
    if part and int(part["count"]) > 1:
        raise WeightFileError(f"`{name}` is part {int(part['number'])} of a model split into {int(part['count'])} files, and "
                              "only whole .safetensors files are read; download the model as one file, or join its parts.")
    if name.endswith(INDEX_SUFFIX):
        raise WeightFileError(f"`{name}` lists the parts of a split model, and only whole .safetensors files are read; download "
                              "the model as one file, or join its parts.")


def is_shard_of(name: str, model: str) -> bool:
    """Return whether a file's name is that of a part of the split model, called by its stem, its name or its list of parts."""
    part = SHARD.fullmatch(name)
    stem = model.removesuffix(INDEX_SUFFIX)
    return part is not None and part["model"] in (stem, *(stem.removesuffix(suffix) for suffix in SUFFIXES))


def reject_impostor(name: str, first: bytes, size: int) -> None:
    """Raise WeightFileError for results of failed downloads: an empty file, a web page or a git-LFS pointer."""
    if size == 0:
        raise WeightFileError(f"`{name}` is empty (0 bytes): its download did not finish; download it again.")
    text = first.lstrip(b"\xef\xbb\xbf \t\r\n").lower()
    if text.startswith(WEB_PAGE):
        raise WeightFileError(f"`{name}` is a web page ({size} bytes), not weights: the link led to a page about the file; use "
                              "the page's own download button.")
    if text.startswith(b"version https://git-lfs"):
        sizes = [line[5:].decode("latin1") for line in text.splitlines() if line.startswith(b"size ")]
        real = sizes[0][:20] if sizes else "an unknown number of"
        raise WeightFileError(f"`{name}` is a git-LFS pointer of {size} bytes, not the weights of {real} bytes; run `git lfs "
                              "pull` in its folder or download the file itself.")


def unet_file(path: Path) -> Path:
    """Return the file with the UNet: the path itself, or the first weight file in a diffusers folder's unet/."""
    if not path.is_dir():
        return path
    files = (path / "unet").glob("diffusion_pytorch_model*")
    return min((file for file in files if file.suffix in (".safetensors", ".bin")), default=path)
