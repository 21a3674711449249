"""Tests damaged and malicious weight files: each gets its own message within a second, and none ends the process."""

import json
import os
import pickle
import random
import struct
import subprocess
import sys
import time
import zipfile

import pytest
import torch
from iclight.files import random_offsets, write
from sd_relight.lib_common.errors import WeightFileError
from sd_relight.lib_common.weight_file import open_weights, read_header


def message(path):
    started = time.monotonic()
    with pytest.raises(WeightFileError) as caught:
        read_header(path)
    assert time.monotonic() - started < 5
    assert len(str(caught.value)) < 500
    return str(caught.value)


def safetensors(path, header, data=b""):
    path.write_bytes(struct.pack("<Q", len(header)) + header + data)
    return path


def shared_children(levels):
    tree = {"a": 1}
    for _ in range(levels):
        tree = {"a": tree, "b": tree}
    return {"state_dict": tree}


def test_dicts_that_share_children(tmp_path):
    path = tmp_path / "dag.ckpt"
    path.write_bytes(pickle.dumps(shared_children(40), 2))
    assert path.stat().st_size < 1000
    assert message(path) == "`dag.ckpt` is not read: its list of tensors has more than 16 levels, which no model has; pick another file."
    path.write_bytes(pickle.dumps({str(i): shared_children(14) for i in range(30)}, 2))
    assert "has more than 100000 entries" in message(path)


def test_a_tuple_with_an_endless_hash_is_no_key(tmp_path):
    key = ()
    for _ in range(60):
        key = (key, key)
    body = pickle.dumps(key, 2)[:-1]
    (tmp_path / "hash.ckpt").write_bytes(b"\x80\x02}" + body[2:] + b"K\x01s.")
    assert read_header(tmp_path / "hash.ckpt") == {}


@pytest.mark.parametrize("header", [
    b'{"a":' + b"[" * 3000 + b"]" * 3000 + b"}", b'{"a": {"dtype": "F16", "shape": [1], "data_offsets": []}}',
    b'{"a": {"dtype": "F16", "shape": [%s], "data_offsets": [0, 2]}}' % (b"9" * 5000),
    b'{"a": {"dtype": "F16", "shape": [-1], "data_offsets": [0, 2]}}', b'{"a": {"dtype": [], "shape": [1], "data_offsets": [0, 2]}}',
    b'{"a": {"dtype": "F16", "shape": [1e3], "data_offsets": [0, 2]}}', b'{"a": {"dtype": "F16", "shape": [NaN], "data_offsets": [0, 2]}}',
    b'{"a": {"dtype": "F16", "shape": [2], "data_offsets": [0, 2]}}', b'{"a": {"dtype": "F16", "shape": [1], "data_offsets": [2, 0]}}',
    b'{"\\ud800": {"dtype": "F16", "shape": [1], "data_offsets": [0, 2]}}', b'{"a": null}', b"{}{}",
    b'{"a": {"dtype": "F16", "shape": [1], "data_offsets": [0, 2]}, "b": {"dtype": "F16", "shape": [1], "data_offsets": [0, 2]}}',
], ids=range(13))
def test_damaged_safetensors_headers(tmp_path, header):
    path = safetensors(tmp_path / "x.safetensors", header, bytes(2))
    assert message(path) == "`x.safetensors` is damaged: its list of tensors cannot be read; download it again."


def test_a_header_longer_than_any_models(tmp_path):
    path = tmp_path / "x.safetensors"
    with path.open("wb") as file:
        file.write(struct.pack("<Q", 1 << 30) + b"{")
        file.truncate(1 << 31)
    assert message(path) == ("`x.safetensors` is not read: its list of tensors has 1073741824 bytes, which no model has; pick another "
                             "file.")


def test_a_zip_bomb(tmp_path):
    with zipfile.ZipFile(tmp_path / "x.bin", "w", zipfile.ZIP_DEFLATED) as archive:
        with archive.open("archive/data.pkl", "w") as file:
            for _ in range(100):
                file.write(bytes(1 << 20))
    assert "`x.bin` is not read: its list of tensors has more than 67108864 bytes" in message(tmp_path / "x.bin")


def test_tensors_larger_than_their_storage(tmp_path):
    big = torch.zeros(1).expand(1 << 40)
    torch.save({"w": big}, tmp_path / "x.bin")
    with pytest.raises(WeightFileError, match="`x.bin` is damaged"), open_weights(tmp_path / "x.bin") as file:
        file.read("w")


def test_a_compressed_torch_file(tmp_path):
    torch.save({"w": torch.ones(1000)}, tmp_path / "a.bin")
    with zipfile.ZipFile(tmp_path / "a.bin") as old, zipfile.ZipFile(tmp_path / "x.bin", "w", zipfile.ZIP_DEFLATED) as new:
        for name in old.namelist():
            new.writestr(name, old.read(name))
    with pytest.raises(WeightFileError, match="`x.bin` (is truncated|was compressed after it was saved)"):
        with open_weights(tmp_path / "x.bin") as file:
            file.read("w")


def test_tensors_on_the_meta_device(tmp_path):
    torch.save({"w": torch.zeros(2, device="meta")}, tmp_path / "x.bin")
    assert message(tmp_path / "x.bin") == ("`x.bin` was saved without its values: `w` is on the meta device; save it again from the loaded "
                                           "model.")


@pytest.mark.parametrize("value", [float("nan"), float("inf"), -float("inf")])
@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16, torch.float32, torch.float64])
@pytest.mark.parametrize("name", ["x.safetensors", "x.bin"])
def test_values_that_are_not_finite(tmp_path, name, dtype, value):
    tensor = torch.zeros(3, 5, dtype=dtype)
    tensor[2, 1] = value
    write(tmp_path / name, {"w": tensor, "fine": torch.ones(2)})
    with open_weights(tmp_path / name) as file:
        assert file.read("fine").tolist() == [1, 1]
        with pytest.raises(WeightFileError, match=f"`{name}` has NaN or infinite values in `w`; the file is damaged or its training"):
            file.read("w")


def test_unreadable_and_irregular_files(tmp_path):
    os.mkfifo(tmp_path / "pipe.ckpt")
    assert message(tmp_path / "pipe.ckpt") == "`pipe.ckpt` is no regular file; pick a weight file."
    (tmp_path / "loop.ckpt").symlink_to(tmp_path / "loop.ckpt")
    assert "`loop.ckpt` cannot be read (Too many levels of symbolic links); check the permissions" in message(tmp_path / "loop.ckpt")


def test_names_that_no_message_can_carry(tmp_path):
    path = os.fsencode(tmp_path) + b"/\xff.ckpt"
    with open(path, "wb") as file:  # bytes, since str cannot hold this name
        file.write(b"\x80\x02garbage")
    assert message(os.fsdecode(path)).startswith("`?.ckpt` is damaged")


def test_wrappers_of_training_are_left_out_of_keys(tmp_path):
    state = {"module._orig_mod.a.weight": torch.ones(1), "module.b.weight": torch.zeros(1)}
    write(tmp_path / "x.safetensors", state)
    with open_weights(tmp_path / "x.safetensors") as file:
        assert list(file.entries) == ["a.weight", "b.weight"] and file.read("a.weight").item() == 1
    write(tmp_path / "x.safetensors", {"a": torch.ones(1), "module.a": torch.zeros(1)})
    assert set(read_header(tmp_path / "x.safetensors")) == {"a", "module.a"}


def test_views_of_one_storage_and_other_strides(tmp_path):
    base = torch.arange(24.0).reshape(4, 6)
    state = {"t": base.t(), "slice": base[1:3, 2:], "all": base, "scalar": base[3, 5]}
    for name, zipped in (("new.pt", True), ("old.pt", False)):
        torch.save(state, tmp_path / name, _use_new_zipfile_serialization=zipped)
        with open_weights(tmp_path / name) as file:
            assert {key: file.read(key).tolist() for key in state} == {key: tensor.tolist() for key, tensor in state.items()}


def test_a_file_that_changes_while_it_is_read(tmp_path):
    path = write(tmp_path / "x.safetensors", {"a": torch.ones(4), "b": torch.ones(1 << 20)})
    with pytest.raises(WeightFileError, match="`x.safetensors` was changed while it was read; wait until it is complete"):
        with open_weights(path) as file:
            file.read("a")
            os.utime(path, ns=(1, 1))
    with pytest.raises(WeightFileError, match="`x.safetensors` is truncated"):
        with open_weights(path) as file:
            os.truncate(path, path.stat().st_size - 4)
            file.read("b")


CUT = """
import os, sys
sys.path.insert(0, sys.argv[1])
import conftest
from sd_relight.lib_iclight.weights import load_offsets
offsets = load_offsets(sys.argv[2])
with open(sys.argv[2], "r+b") as file:
    file.truncate(100)
total = sum(float(tensor.float().abs().sum()) for tensor in offsets.values())
print(total)
"""


@pytest.mark.parametrize("name", ["x.safetensors", "x.pt"])
def test_loaded_weights_survive_a_truncation_of_their_file(tmp_path, repo_root, name):
    """A mapped file that is cut ends the process with SIGBUS when its tensors are used."""
    offsets = random_offsets(8, dtype=torch.float16)
    path = write(tmp_path / name, offsets)
    done = subprocess.run([sys.executable, "-c", CUT, str(repo_root / "tests"), str(path)], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    assert float(done.stdout) == pytest.approx(sum(float(tensor.float().abs().sum()) for tensor in offsets.values()))


@pytest.mark.parametrize("name", ["x.safetensors", "x.pt", "old.pth"])
def test_five_hundred_mutations_of_a_file(tmp_path, name):
    """Flipped, cut, doubled and inserted bytes: tensors or a message, never another exception, never half a minute."""
    rng = random.Random(name)
    path = tmp_path / name
    state = {"a.weight": torch.rand(3, 4).half(), "b": torch.rand(5), "nested.c": torch.rand(2, 2)}
    if name == "old.pth":
        torch.save(state, path, _use_new_zipfile_serialization=False)
    else:
        write(path, state)
    whole, read, started = path.read_bytes(), 0, time.monotonic()
    header = len(whole) if name != "x.safetensors" else 8 + struct.unpack("<Q", whole[:8])[0]
    for _ in range(500):
        data = bytearray(whole)
        for _ in range(rng.choice([1, 1, 2, 8])):
            place = rng.randrange(header)
            kind = rng.randrange(4)
            if kind == 0:
                data[place % len(data)] = rng.randrange(256)
            elif kind == 1:
                del data[place:place + rng.randrange(1, 64)]
            else:
                data[place:place] = data[place:place + 16] if kind == 2 else rng.randbytes(4)
        path.write_bytes(data)
        try:
            with open_weights(path) as file:
                read += len([file.read(key) for key in file.entries])
        except WeightFileError as error:
            assert len(str(error)) < 500
    assert read > 0 and time.monotonic() - started < 60


def test_every_key_of_a_header_can_be_written_as_json(tmp_path):
    path = safetensors(tmp_path / "x.safetensors", json.dumps({"\u00b2" * 5000: {"dtype": "F16", "shape": [1], "data_offsets": [0, 2]},
                                                               "9" * 5000 + ".to_k_ip.weight": {"dtype": "F16", "shape": [0],
                                                                                                "data_offsets": [2, 2]}}).encode(), bytes(2))
    assert len(json.dumps(list(read_header(path)))) > 10000
