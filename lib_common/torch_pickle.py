"""Reads the pickle of a torch file without executing it: an interpreter for the opcodes of dicts, lists and tensors.

No class is imported and no function is called: tensors become TensorRef, dicts and lists are built, and every other object
becomes OPAQUE. Time and memory are bounded: the number of opcodes is limited, and only strings and integers are
accepted as keys.
"""

from __future__ import annotations

import struct
from collections.abc import Callable, Iterator
from typing import Any, BinaryIO, NamedTuple

from .weight_entries import DTYPES, MAX_DEPTH, MAX_ENTRIES, MAX_HEADER_BYTES, Deadline, to_shape

MAX_OPCODES = 5_000_000
STORAGE_DTYPES = {
    "HalfStorage": "float16", "BFloat16Storage": "bfloat16", "FloatStorage": "float32", "DoubleStorage": "float64",
    "CharStorage": "int8", "ByteStorage": "uint8", "ShortStorage": "int16", "IntStorage": "int32", "LongStorage": "int64",
    "BoolStorage": "bool", "UntypedStorage": "uint8", "ComplexFloatStorage": "complex64",
    "ComplexDoubleStorage": "complex128",
}
REBUILD = ("_rebuild_tensor", "_rebuild_tensor_v2", "_rebuild_tensor_v3")
OPAQUE = object()
"""Placeholder for every object that is not a container, number, string or tensor."""
MARK = object()


class LimitError(Exception):
    """A limit was exceeded; the message names it."""


class StorageRef(NamedTuple):
    """A storage by its key; count is in elements of dtype."""

    key: str
    dtype: str
    count: int


class TensorRef(NamedTuple):
    """A strided view of a storage, offset and stride in elements of dtype; storage is None on the meta device."""

    storage: StorageRef | None
    offset: int
    shape: tuple[int, ...]
    stride: tuple[int, ...]
    dtype: str


class Name(NamedTuple):
    """A global that the pickle refers to."""

    module: str
    name: str


def rebuild_tensor(storage: Any, offset: int, size: Any, stride: Any, requires_grad: Any = None, hooks: Any = None,
                   dtype: Any = None, metadata: Any = None) -> TensorRef | object:
    if not isinstance(storage, StorageRef):
        return OPAQUE
    dtype = dtype_of(dtype) or storage.dtype
    return TensorRef(storage, to_shape((offset,))[0], to_shape(size), to_shape(stride), dtype)


def dtype_of(value: Any) -> str | None:
    return value.name if isinstance(value, Name) and value.module == "torch" and value.name in DTYPES else None


def call(function: Any, args: tuple) -> Any:
    """Return the result of one of the known functions; OPAQUE for all others."""
    if not isinstance(function, Name):
        return OPAQUE
    if function.name in REBUILD:
        return rebuild_tensor(*args)
    if function.name in ("_rebuild_parameter", "_rebuild_parameter_with_state"):
        return args[0]
    if function.name == "_rebuild_from_type_v2":
        return call(args[0], args[2])
    if function.name == "_rebuild_meta_tensor_no_storage":
        return TensorRef(None, 0, to_shape(args[1]), to_shape(args[2]), dtype_of(args[0]) or "float32")
    if function.name == "Size":
        return tuple(args[0])
    if function.name in ("OrderedDict", "defaultdict", "dict"):
        return {}
    return OPAQUE


class PickleReader:
    """Interprets consecutive pickles of a file. `load` raises LimitError, TimeoutError, or other errors for a broken pickle."""

    def __init__(self, file: BinaryIO):
        self.file = file
        self.deadline = Deadline()
        self.bytes_left, self.opcodes_left = MAX_HEADER_BYTES, MAX_OPCODES
        self.storages: dict[str, StorageRef] = {}

    def load(self) -> Any:
        self.stack: list[Any] = []
        self.memo: dict[int, Any] = {}
        while True:
            self.opcodes_left -= 1
            if self.opcodes_left <= 0:
                raise LimitError(f"more than {MAX_OPCODES} instructions")
            if self.opcodes_left % 4096 == 0:
                self.deadline.check()
            opcode = self.take(1)
            if opcode == b".":
                return self.stack.pop()
            OPCODES[opcode](self)

    def take(self, count: int) -> bytes:
        self.bytes_left -= count
        if self.bytes_left < 0:
            raise LimitError(f"more than {MAX_HEADER_BYTES} bytes")
        data = self.file.read(count)
        if len(data) != count:
            raise EOFError
        return data

    def number(self, form: str) -> int:
        return struct.unpack(form, self.take(struct.calcsize(form)))[0]

    def line(self) -> str:
        data = self.file.readline(1024)
        if not data.endswith(b"\n"):
            raise EOFError
        self.bytes_left -= len(data)
        return data[:-1].decode()

    def pop_mark(self) -> list[Any]:
        """Pop and return the items above the topmost mark, and the mark."""
        place = len(self.stack) - 1
        while self.stack[place] is not MARK:
            place -= 1
        items = self.stack[place + 1:]
        del self.stack[place:]
        return items

    def pop(self, count: int) -> list[Any]:
        items = self.stack[-count:]
        if len(items) != count:
            raise IndexError
        del self.stack[-count:]
        return items

    def set_items(self, pairs: list[Any]) -> None:
        target = self.stack[-1]
        if isinstance(target, dict):
            for key, value in zip(pairs[::2], pairs[1::2]):
                if isinstance(key, str) or isinstance(key, int) and key.bit_length() < 64:
                    target[key] = value

    def append(self, items: list[Any]) -> None:
        if isinstance(self.stack[-1], list):
            self.stack[-1].extend(items)

    def reduce(self) -> None:
        function, args = self.pop(2)
        self.stack.append(call(function, args if isinstance(args, tuple) else ()))

    def global_name(self) -> None:
        self.stack.append(Name(self.line(), self.line()))

    def stack_global(self) -> None:
        module, name = self.pop(2)
        self.stack.append(Name(str(module), str(name)))

    def storage(self) -> None:
        """Resolve a persistent id: ("storage", storage type, key, location, number of elements)."""
        pid = self.stack.pop()
        if not isinstance(pid, tuple) or len(pid) < 5 or pid[0] != "storage":
            self.stack.append(OPAQUE)
            return
        kind = pid[1]
        dtype = dtype_of(kind) or STORAGE_DTYPES.get(kind.name if isinstance(kind, Name) else "", "unknown")
        ref = StorageRef(str(pid[2]), dtype, to_shape((pid[4],))[0])
        self.storages[ref.key] = ref
        self.stack.append(ref)

    def text(self, form: str) -> None:
        self.stack.append(self.take(self.number(form)).decode("utf-8", "surrogatepass"))

    def data(self, form: str) -> None:
        self.stack.append(self.take(self.number(form)).decode("latin1"))

    def long(self, form: str) -> None:
        self.stack.append(int.from_bytes(self.take(self.number(form)), "little", signed=True))

    def memoize(self, key: int) -> None:
        self.memo[key] = self.stack[-1]


def push(value: Callable[[], Any]) -> Callable[[PickleReader], None]:
    return lambda reader: reader.stack.append(value())


def number(form: str) -> Callable[[PickleReader], None]:
    return lambda reader: reader.stack.append(reader.number(form))


def fixed_tuple(count: int) -> Callable[[PickleReader], None]:
    return lambda reader: reader.stack.append(tuple(reader.pop(count)))


def opaque(count: int) -> Callable[[PickleReader], None]:
    """Replace the topmost `count` objects, or those above the mark for 0, by OPAQUE."""
    def replace(reader: PickleReader) -> None:
        reader.pop(count) if count else reader.pop_mark()
        reader.stack.append(OPAQUE)

    return replace


OPCODES: dict[bytes, Callable[[PickleReader], Any]] = {
    b"\x80": lambda r: r.take(1), b"\x95": lambda r: r.take(8),
    b"(": push(lambda: MARK), b"}": push(dict), b"]": push(list), b")": push(tuple), b"N": push(lambda: None),
    b"\x88": push(lambda: True), b"\x89": push(lambda: False), b"\x8f": push(lambda: OPAQUE),
    b"K": number("<B"), b"M": number("<H"), b"J": number("<i"), b"G": number(">d"),
    b"\x8a": lambda r: r.long("<B"), b"\x8b": lambda r: r.long("<I"),
    b"X": lambda r: r.text("<I"), b"\x8c": lambda r: r.text("<B"), b"\x8d": lambda r: r.text("<Q"),
    b"T": lambda r: r.data("<I"), b"U": lambda r: r.data("<B"), b"B": lambda r: r.data("<I"), b"C": lambda r: r.data("<B"),
    b"\x8e": lambda r: r.data("<Q"), b"\x96": lambda r: r.data("<Q"),
    b"t": lambda r: r.stack.append(tuple(r.pop_mark())), b"l": lambda r: r.stack.append(r.pop_mark()),
    b"\x85": fixed_tuple(1), b"\x86": fixed_tuple(2), b"\x87": fixed_tuple(3),
    b"s": lambda r: r.set_items(r.pop(2)), b"u": lambda r: r.set_items(r.pop_mark()),
    b"a": lambda r: r.append(r.pop(1)), b"e": lambda r: r.append(r.pop_mark()), b"\x90": lambda r: r.pop_mark(),
    b"q": lambda r: r.memoize(r.number("<B")), b"r": lambda r: r.memoize(r.number("<I")),
    b"\x94": lambda r: r.memoize(len(r.memo)),
    b"h": lambda r: r.stack.append(r.memo[r.number("<B")]), b"j": lambda r: r.stack.append(r.memo[r.number("<I")]),
    b"c": PickleReader.global_name, b"\x93": PickleReader.stack_global, b"R": PickleReader.reduce,
    b"b": lambda r: r.pop(1), b"Q": PickleReader.storage, b"0": lambda r: r.pop(1), b"1": lambda r: r.pop_mark(),
    b"2": lambda r: r.stack.append(r.stack[-1]), b"\x81": opaque(2), b"\x92": opaque(3), b"\x91": opaque(0), b"o": opaque(0),
}


def tensors_in(tree: Any) -> dict[str, TensorRef]:
    """Return {dotted key: tensor} of nested dicts, or of the top-level `state_dict` if there is one."""
    if isinstance(tree, dict) and isinstance(tree.get("state_dict"), dict):
        tree = tree["state_dict"]
    found: dict[str, TensorRef] = {}
    visited = 0
    for visited, (key, leaf) in enumerate(walk(tree, "", 0), 1):
        if visited > MAX_ENTRIES:
            raise LimitError(f"more than {MAX_ENTRIES} entries")
        if isinstance(leaf, TensorRef):
            found[key] = leaf
    return found


def walk(tree: Any, prefix: str, depth: int) -> Iterator[tuple[str, Any]]:
    if depth > MAX_DEPTH:
        raise LimitError(f"more than {MAX_DEPTH} levels")
    for key, leaf in tree.items():
        yield f"{prefix}{key}", leaf
        if isinstance(leaf, dict):
            yield from walk(leaf, f"{prefix}{key}.", depth + 1)
