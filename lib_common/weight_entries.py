"""Describes the tensors of weight files, with the limits and messages shared by all container readers."""

from __future__ import annotations

import math
import time
from collections.abc import Iterable
from typing import NamedTuple

import torch

from .errors import WeightFileError
from .fields import printable

MAX_HEADER_BYTES = 64 * 2**20
MAX_ENTRIES = 100_000
MAX_DEPTH = 16
MAX_SECONDS = 10.0
"""Limits on a file's list of tensors. A full SDXL checkpoint has 2,515 tensors in 330 kB of header."""

DTYPES = {name: getattr(torch, name) for name in (
    "float16", "bfloat16", "float32", "float64", "float8_e4m3fn", "float8_e5m2", "int8", "uint8", "int16", "int32", "int64",
    "bool", "complex64", "complex128", "uint16", "uint32", "uint64") if hasattr(torch, name)}
FLOATS = ("float16", "bfloat16", "float32", "float64", "float8_e4m3fn", "float8_e5m2")
WRAPPERS = {"module", "_orig_mod"}
"""Parts of keys that DistributedDataParallel and torch.compile add."""


class TensorInfo(NamedTuple):
    """Shape and dtype of a stored tensor; dtype is torch's name, such as float16, or the file's own if torch has none."""

    shape: tuple[int, ...]
    dtype: str


class Deadline:
    """Time limit for reading one list of tensors; `check` raises TimeoutError once it has passed."""

    def __init__(self, seconds: float = MAX_SECONDS):
        self.end = time.monotonic() + seconds

    def check(self) -> None:
        if time.monotonic() > self.end:
            raise TimeoutError


def item_size(dtype: str) -> int | None:
    """Return the bytes of one element, None for a dtype that torch does not have."""
    return DTYPES[dtype].itemsize if dtype in DTYPES else None


def to_shape(value: Iterable) -> tuple[int, ...]:
    """Return a shape; raises ValueError for more than 16 dimensions or sizes that are not integers from 0 to 2**40."""
    shape = tuple(value)
    if len(shape) > 16 or not all(type(side) is int and 0 <= side <= 1 << 40 for side in shape):
        raise ValueError("not a shape")
    return shape


def count_of(shape: tuple[int, ...]) -> int:
    return math.prod(shape)


def plain_keys(keys: Iterable[str]) -> dict[str, str]:
    """Return {key without the parts of WRAPPERS: key}; keys stay unchanged if two would become equal."""
    keys = list(keys)
    for key in keys:
        key.encode()  # a lone surrogate could not be written into any message
    plain = {".".join(part for part in key.split(".") if part not in WRAPPERS): key for key in keys}
    return plain if len(plain) == len(keys) else {key: key for key in keys}


def check_count(name: str, count: int) -> None:
    if count > MAX_ENTRIES:
        raise too_large(name, f"more than {MAX_ENTRIES} entries")


def too_large(name: str, what: str) -> WeightFileError:
    return WeightFileError(f"`{name}` is not read: its list of tensors has {what}, which no model has; pick another file.")


def truncated(name: str, size: int, wanted: object) -> WeightFileError:
    return WeightFileError(f"`{name}` is truncated: it has {size} bytes and its header asks for {wanted}; download it again.")


def damaged(name: str) -> WeightFileError:
    return WeightFileError(f"`{name}` is damaged: its list of tensors cannot be read; download it again.")


def unsupported(name: str, key: str, dtype: str) -> WeightFileError:
    return WeightFileError(f"`{name}` stores `{printable(key[:80])}` as {dtype}, which is not supported; use a file in float16, "
                           "bfloat16, float32 or float8.")


def check_finite(name: str, key: str, tensor: torch.Tensor) -> None:
    """Raise WeightFileError if a float tensor has NaN or infinite values."""
    if not tensor.is_floating_point() or tensor.numel() == 0:
        return
    values = tensor.half() if tensor.element_size() == 1 else tensor
    low, high = torch.aminmax(values)
    if not (torch.isfinite(low) and torch.isfinite(high)):
        raise WeightFileError(f"`{name}` has NaN or infinite values in `{printable(key[:80])}`; the file is damaged or its "
                              "training diverged, use another one.")
