"""Mutated weight files: tensors or one sentence, never another exception, never more than a few seconds."""


import time

import pytest
import torch
from hypothesis import given, settings, strategies as st
from iclight.files import write
from sd_relight.lib_common.errors import UserError
from sd_relight.lib_common.weight_file import open_weights
from sd_relight.lib_iclight.weights import load_offsets
from sd_relight.lib_ipadapter.encode.adapter import inspect_adapter

pytestmark = pytest.mark.same_everywhere
CONTAINERS = ("x.safetensors", "x.pt", "old.pth")


def adapter_file(repo_root):
    with open_weights(repo_root / "models/demo/ip-adapter.safetensors") as file:
        return {key: file.read(key).flatten()[:8].clone() for key in list(file.entries)[:24]}


@pytest.fixture(scope="module", params=CONTAINERS)
def whole(request, repo_root, tmp_path_factory):
    """(path, bytes, length of the part that is parsed) of a small file."""
    path = tmp_path_factory.mktemp("weights") / request.param
    state = {**adapter_file(repo_root), "b": torch.rand(5), "nested.c": torch.rand(2, 2)}
    if request.param == "old.pth":
        torch.save(state, path, _use_new_zipfile_serialization=False)
    else:
        write(path, state)
    data = path.read_bytes()
    return path, data, 8 + int.from_bytes(data[:8], "little") if path.suffix == ".safetensors" else len(data)


EDITS = st.lists(st.tuples(st.sampled_from(["flip", "cut", "double", "insert", "truncate", "number"]), st.integers(0, 2**20),
                           st.binary(min_size=1, max_size=6)), min_size=1, max_size=6)
NUMBERS = (b"0", b"-1", b"1e9", b"99999999999999999999", b"[]", b"null", b"NaN", b"{}", b'"')


def edited(data, header, edits):
    data = bytearray(data)
    for kind, place, content in edits:
        place %= header
        if kind == "flip":
            data[place:place + 1] = content[:1]
        elif kind == "cut":
            del data[place:place + 1 + content[0]]
        elif kind == "double":
            data[place:place] = data[place:place + 8 * content[0]]
        elif kind == "insert":
            data[place:place] = content
        elif kind == "number":
            data[place:place + len(content)] = NUMBERS[content[0] % len(NUMBERS)]
        else:
            del data[place:]
    return bytes(data)


def judged(function):
    """Whether a reader accepts a file. Its error is one sentence."""
    try:
        function()
    except UserError as error:
        text = str(error)
        assert text.endswith(".") and len(text) < 500 and "\n" not in text
        text.encode()
        return False
    return True


@settings(max_examples=700)
@given(EDITS)
def test_mutated_files(count, whole, edits):
    path, data, header = whole
    path.write_bytes(edited(data, header, edits))
    started = time.monotonic()
    judged(lambda: load_offsets(path))
    judged(lambda: inspect_adapter(path))
    count(f"{path.name}: {'read' if judged(lambda: read_all(path)) else 'rejected'}")
    assert time.monotonic() - started < 5


def read_all(path):
    with open_weights(path) as file:
        for key in file.entries:
            file.read(key)


@settings(max_examples=200)
@given(st.binary(max_size=200), st.sampled_from([b"\x80\x02", b"\x80\x02}", b"PK\x03\x04", b"\x10\0\0\0\0\0\0\0{", b"\x80\x02cos\nsystem\n", b""]))
def test_random_bytes(count, tmp_path_factory, content, magic):
    path = tmp_path_factory.getbasetemp() / "random.ckpt"
    path.write_bytes(magic + content)
    count(f"random bytes: {'read' if judged(lambda: read_all(path)) else 'rejected'}")


def test_the_unchanged_file_is_read(whole):
    path, data, _ = whole
    path.write_bytes(data)
    with open_weights(path) as file:
        assert file.read("b").shape == (5,)
