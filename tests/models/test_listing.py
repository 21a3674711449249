"""Weight files below the model folders: linked folders, files of the same name, parts of a split model."""

import os

import pytest
from iclight.files import tiny_unet
from sd_relight.lib_common.errors import UserError
from sd_relight.lib_relight.models import iclight_files, ip_adapter_files, listing
from sd_relight.lib_relight.models.listing import find, labels, list_files


def lay(folder, *names, content=b""):
    for name in names:
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_bytes(content)


def names_of(paths, folder):
    return [path.relative_to(folder).as_posix() for path in paths]


def test_linked_folders_are_followed_once_and_loops_end(tmp_path):
    models, disk = tmp_path / "models", tmp_path / "disk"
    lay(models, "a.safetensors", "notes.txt")
    lay(disk, "deep/b.bin", "c.onnx")
    (models / "linked").symlink_to(disk)
    (models / "linked again").symlink_to(disk)
    (disk / "deep" / "up").symlink_to(models)
    (models / "self").symlink_to(models)
    assert names_of(list_files([models]), models) == ["a.safetensors", "linked/deep/b.bin"]
    assert names_of(list_files([models], (".onnx",)), models) == ["linked/c.onnx"]


@pytest.fixture
def read(monkeypatch):
    """The folders that were read since the fixture began."""
    folders, scandir = [], os.scandir
    monkeypatch.setattr(os, "scandir", lambda folder: folders.append(os.path.basename(folder)) or scandir(folder))
    listing.refresh()
    yield folders
    listing.refresh()


def age(*folders):
    """Date folders back, as those that have not changed for a while."""
    for folder in folders:
        os.utime(folder, (10**9, folder.stat().st_mtime - 60))


def test_only_changed_folders_are_read_again(tmp_path, read, monkeypatch):
    lay(tmp_path, "top/a.bin", "top/deep/b.bin")
    top, deep = tmp_path / "top", tmp_path / "top" / "deep"
    assert len(list_files([top])) == 2 and read == ["top", "deep"]
    age(top, deep)
    assert len(list_files([top])) == len(list_files([top])) == 2 and read[2:] == ["top", "deep"]
    (deep / "b.bin").rename(deep / "c.bin")
    assert names_of(list_files([top]), top) == ["a.bin", "deep/c.bin"] and read[4:] == ["deep"]
    age(deep)
    list_files([top])
    listing.refresh()
    list_files([top])
    assert read[6:] == ["top", "deep"]
    monkeypatch.setattr(listing, "MAX_AGE_SECONDS", -1)
    list_files([top])
    assert read[8:] == ["top", "deep"]


def test_places_that_cannot_be_read(tmp_path):
    lay(tmp_path, "a.bin")
    (tmp_path / "broken.bin").symlink_to(tmp_path / "nowhere")
    (tmp_path / "link.bin").symlink_to(tmp_path / "a.bin")
    assert list_files([tmp_path / "missing", tmp_path / "a.bin", tmp_path]) == [tmp_path / "a.bin"]


def test_each_file_has_a_label_that_finds_it(tmp_path):
    lay(tmp_path, "a/x.safetensors", "b/x.safetensors", "b/x.bin", "c/b/x.bin", "c/fc.sft", "y.pt")
    files = list_files([tmp_path])
    found = labels(files, ("auto", "fc"))
    assert found == ["x", "x.bin", "b/x.safetensors", "c/b/x", "fc.sft", "y"]
    assert [find(label, files) for label in found] == files
    assert find("c/b/x.bin", files) == files[3] and find("z", files) is None


def test_the_same_name_in_two_folders(repo_root, tmp_path):
    demo = repo_root / "models" / "demo"
    fc, adapter = (next(path for path in list_files([demo]) if path.stem == stem) for stem in ("iclight_fc", "ip-adapter"))
    for folder in ("first", "second"):
        lay(tmp_path, f"{folder}/{fc.name}", content=fc.read_bytes())
        lay(tmp_path, f"{folder}/{adapter.name}", content=adapter.read_bytes())
    assert {"iclight_fc", "second/iclight_fc"} <= set(iclight_files.choices([tmp_path]))
    assert ip_adapter_files.choices([tmp_path]) == ["ip-adapter", "second/ip-adapter"]
    for name, folder in (("iclight_fc", "first"), ("second/iclight_fc", "second"), ("second/iclight_fc.safetensors", "second")):
        assert iclight_files.resolve(name, False, [tmp_path])[0].parent.name == folder
    for name, folder in (("ip-adapter", "first"), ("second/ip-adapter", "second"), ("second/ip-adapter [1a2b3c4d]", "second")):
        assert ip_adapter_files.resolve(name, [tmp_path]).parent.name == folder


PART = ("`model-00001-of-00002.safetensors` is part 1 of a model split into 2 files, and only whole .safetensors files are read; "
        "download the model as one file, or join its parts.")
INDEX = ("`model.safetensors.index.json` lists the parts of a split model, and only whole .safetensors files are read; download "
         "the model as one file, or join its parts.")


@pytest.mark.parametrize("name", ["model", "model.safetensors", "model.safetensors.index.json", "model-00001-of-00002"])
def test_parts_of_a_split_model(tmp_path, name):
    lay(tmp_path, "model-00001-of-00002.safetensors", "model-00002-of-00002.safetensors", "model.safetensors.index.json")
    with pytest.raises(UserError) as raised:
        iclight_files.resolve(name, False, [tmp_path])
    assert str(raised.value) == PART
    path = ip_adapter_files.resolve(name, [tmp_path])
    assert path.name == "model-00001-of-00002.safetensors" and ip_adapter_files.variant_or_none(path) is None


def test_the_list_of_parts_itself(tmp_path):
    lay(tmp_path, "model.safetensors.index.json")
    with pytest.raises(UserError) as raised:
        iclight_files.inspect(tmp_path / "model.safetensors.index.json")
    assert str(raised.value) == INDEX


def test_a_single_part_is_a_whole_file(tmp_path):
    tiny_unet().save_pretrained(tmp_path / "unet")
    whole = next((tmp_path / "unet").glob("*.safetensors")).rename(tmp_path / "model-00001-of-00001.safetensors")
    with pytest.raises(UserError, match="`model-00001-of-00001.safetensors` is a plain UNet with 4 input channels"):
        iclight_files.inspect(whole)
