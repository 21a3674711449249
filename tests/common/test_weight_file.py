"""Tests reading weight files of every container, and the messages for unusable files."""

import pickle
import struct

import pytest
import torch
from iclight.files import write
from sd_relight.lib_common.errors import WeightFileError
from sd_relight.lib_common.weight_entries import TensorInfo
from sd_relight.lib_common.weight_file import read_header

STATE = {"a.weight": torch.zeros(3, 4, dtype=torch.float16), "b": torch.zeros(5), "c": torch.zeros(2, 2, dtype=torch.bfloat16),
         "d": torch.zeros(7, dtype=torch.float8_e4m3fn), "e": torch.zeros(1, 2, dtype=torch.float8_e5m2),
         "f": torch.zeros((), dtype=torch.int64)}
ENTRIES = {"a.weight": TensorInfo((3, 4), "float16"), "b": TensorInfo((5,), "float32"), "c": TensorInfo((2, 2), "bfloat16"),
           "d": TensorInfo((7,), "float8_e4m3fn"), "e": TensorInfo((1, 2), "float8_e5m2"), "f": TensorInfo((), "int64")}


@pytest.mark.parametrize("name", ["x.safetensors", "x.bin", "x.pt", "x.pth", "x.ckpt"])
def test_shapes_and_types_from_every_container(tmp_path, name):
    assert read_header(write(tmp_path / name, STATE)) == ENTRIES


def test_a_torch_file_of_the_old_format(tmp_path):
    state = {key: STATE[key] for key in ("a.weight", "b", "c", "f")}
    torch.save(state, tmp_path / "old.pt", _use_new_zipfile_serialization=False)
    assert (tmp_path / "old.pt").read_bytes()[:2] == b"\x80\x02"
    assert read_header(tmp_path / "old.pt") == {key: ENTRIES[key] for key in state}


def test_the_container_is_known_by_its_bytes_not_its_name(tmp_path):
    write(tmp_path / "x.safetensors", STATE).rename(tmp_path / "x.ckpt")
    assert read_header(tmp_path / "x.ckpt") == ENTRIES
    write(tmp_path / "y.ckpt", STATE).rename(tmp_path / "y.safetensors")
    assert read_header(tmp_path / "y.safetensors") == ENTRIES


def test_a_real_state_dict_with_metadata_and_parameters(tmp_path):
    layer = torch.nn.Linear(2, 3)
    torch.save(layer.state_dict(), tmp_path / "x.pt")
    torch.save({"weight": layer.weight}, tmp_path / "y.pt")
    assert read_header(tmp_path / "x.pt") == {"weight": TensorInfo((3, 2), "float32"), "bias": TensorInfo((3,), "float32")}
    assert read_header(tmp_path / "y.pt") == {"weight": TensorInfo((3, 2), "float32")}


def test_nested_dicts(tmp_path):
    torch.save({"image_proj": {"norm": {"weight": torch.zeros(2)}}, "n": 3}, tmp_path / "x.bin")
    assert read_header(tmp_path / "x.bin") == {"image_proj.norm.weight": TensorInfo((2,), "float32")}
    torch.save({"epoch": 3, "state_dict": {"w": torch.zeros(2)}, "optimizer": {"m": torch.zeros(9)}}, tmp_path / "y.ckpt")
    assert read_header(tmp_path / "y.ckpt") == {"w": TensorInfo((2,), "float32")}


class Bomb:
    def __init__(self, path):
        self.path = path

    def __reduce__(self):
        return open, (str(self.path), "w")


@pytest.mark.parametrize("zipped", [True, False])
def test_a_pickles_code_is_never_run(tmp_path, zipped):
    trap = tmp_path / "trap"
    torch.save({"w": torch.zeros(2), "callbacks": Bomb(trap)}, tmp_path / "x.ckpt", _use_new_zipfile_serialization=zipped)
    assert read_header(tmp_path / "x.ckpt") == {"w": TensorInfo((2,), "float32")}
    assert not trap.exists()
    (tmp_path / "y.ckpt").write_bytes(pickle.dumps(Bomb(trap), 2))
    with pytest.raises(WeightFileError, match=r"`y.ckpt` holds a single object, not a table of tensors; pick another file"):
        read_header(tmp_path / "y.ckpt")
    assert not trap.exists()


def test_no_tensor_is_read(tmp_path):
    """A file whose tensors are holes in a sparse file of 8 GiB: its header is read in no time."""
    text = b'{"w":{"dtype":"F16","shape":[65536,65536],"data_offsets":[0,8589934592]}}'
    with (tmp_path / "big.safetensors").open("wb") as file:
        file.write(struct.pack("<Q", len(text)) + text)
        file.truncate(8 + len(text) + 8589934592)
    assert read_header(tmp_path / "big.safetensors") == {"w": TensorInfo((65536, 65536), "float16")}


def expect_error(path, sentence):
    with pytest.raises(WeightFileError, match=sentence):
        read_header(path)


def test_missing_folder_and_empty(tmp_path):
    expect_error(tmp_path / "gone.safetensors", f"`gone.safetensors` was not found in {tmp_path}; download it there")
    expect_error(tmp_path, "is a folder; pick a weight file inside it")
    (tmp_path / "nil.safetensors").touch()
    expect_error(tmp_path / "nil.safetensors", r"`nil.safetensors` is empty \(0 bytes\): its download did not finish")


@pytest.mark.parametrize("page", ["<!DOCTYPE html><title>404</title>", "\n  <html lang='en'>", "\ufeff<!doctype HTML>",
                                  "<?xml version='1.0'?><Error/>"])
def test_web_page(tmp_path, page):
    (tmp_path / "x.safetensors").write_text(page, "utf-8")
    expect_error(tmp_path / "x.safetensors", r"`x.safetensors` is a web page \(\d+ bytes\), not weights")


def test_lfs_pointer(tmp_path):
    pointer = "version https://git-lfs.github.com/spec/v1\noid sha256:" + "0" * 64 + "\nsize 1719144856\n"
    (tmp_path / "x.safetensors").write_text(pointer)
    expect_error(tmp_path / "x.safetensors", f"`x.safetensors` is a git-LFS pointer of {len(pointer)} bytes, not the weights of "
                                        "1719144856 bytes; run `git lfs pull`")


@pytest.mark.parametrize("name", ["x.safetensors", "x.pt"])
@pytest.mark.parametrize("share", [0.2, 0.6, 0.99])
def test_truncated(tmp_path, name, share):
    path = write(tmp_path / name, STATE)
    content = path.read_bytes()
    path.write_bytes(content[:int(len(content) * share)])
    expect_error(path, f"`{name}` is truncated: it has {int(len(content) * share)} bytes and its header asks for")


def test_truncated_by_one_byte_reports_both_sizes(tmp_path):
    path = write(tmp_path / "x.safetensors", STATE)
    size = path.stat().st_size
    path.write_bytes(path.read_bytes()[:-1])
    expect_error(path, f"it has {size - 1} bytes and its header asks for {size}; download it again")


@pytest.mark.parametrize("content", [b"\x05", b"\x05\0\0\0\0\0\0\0"])
def test_truncated_before_the_header(tmp_path, content):
    (tmp_path / "x.safetensors").write_bytes(content)
    expect_error(tmp_path / "x.safetensors", f"`x.safetensors` is truncated: it has {len(content)} bytes")


@pytest.mark.parametrize("header", [b'{"a": 1}', b"{broken}", b'{"a": {"dtype": "F16"}}', b'{"a": {"data_offsets": [0]}}'])
def test_damaged_header(tmp_path, header):
    (tmp_path / "x.safetensors").write_bytes(struct.pack("<Q", len(header)) + header)
    expect_error(tmp_path / "x.safetensors", "`x.safetensors` is damaged: its list of tensors cannot be read")


def test_damaged_pickle(tmp_path):
    torch.save(STATE["b"], tmp_path / "x.pt", _use_new_zipfile_serialization=False)
    content = (tmp_path / "x.pt").read_bytes()
    (tmp_path / "x.pt").write_bytes(content[:60])
    expect_error(tmp_path / "x.pt", "`x.pt` is damaged")


def test_something_else(tmp_path):
    (tmp_path / "x.safetensors").write_bytes(b"\x89PNG\r\n\x1a\n" + bytes(100))
    expect_error(tmp_path / "x.safetensors", r"`x.safetensors` is neither a safetensors nor a torch weight file \(it starts with b'.x89PNG")
    (tmp_path / "y.bin").write_bytes(b"PK\x03\x04" + bytes(100))
    expect_error(tmp_path / "y.bin", "`y.bin` is truncated")


def test_zip_without_weights(tmp_path):
    import zipfile
    with zipfile.ZipFile(tmp_path / "x.zip", "w") as archive:
        archive.writestr("readme.txt", "hello")
    expect_error(tmp_path / "x.zip", "`x.zip` is a zip archive without weights; unpack it first")
