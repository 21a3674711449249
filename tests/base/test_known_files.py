"""The table of known files is consistent, and the tables of models/README.md are made from it."""

import importlib
import re

import pytest
from sd_relight.lib_ipadapter.files.families import FAMILIES
from sd_relight.lib_relight.base.known_files import known_files, of_kind

KINDS = ["IC-Light", "IP-Adapter", "image encoder", "face model", "negative tokens", "matting model"]


def test_the_readme_is_current(repo_root, monkeypatch):
    monkeypatch.syspath_prepend(str(repo_root / "devtools"))
    module = importlib.import_module("models_readme")
    page = (repo_root / "models/README.md").read_text("utf-8")
    assert module.with_tables(page) == page, "run: python devtools/models_readme.py"
    assert all(f"| `{name}` |" in page for name in known_files())


def test_every_kind_has_files():
    assert list(dict.fromkeys(file.kind for file in known_files().values())) == KINDS


@pytest.mark.parametrize("file", known_files().values(), ids=lambda file: file.name)
def test_an_entry_is_consistent(file):
    assert file.sha256 is None or re.fullmatch("[0-9a-f]{64}", file.sha256)
    assert file.size is None or file.megabytes == round(file.size / 1e6)
    assert bool(file.hub and file.path) != bool(file.url)
    assert file.file.rpartition(".")[0] == file.name and file.licence and file.purpose
    assert set(file.needs) <= set(known_files())
    assert file.commercial == ("non-commercial" not in file.licence)


def test_no_two_files_are_the_same():
    for values in ([file.sha256 for file in known_files().values() if file.sha256], [file.file for file in known_files().values()]):
        assert len(values) == len(set(values))


def test_every_ip_adapter_family_has_a_file():
    names = " ".join(of_kind("IP-Adapter")).replace("ip-adapter", "").lower()
    words = {"base": "_sd15", "vit-g": "vit-g", "portrait-unnorm": "unnorm"}
    assert [family.name for family in FAMILIES if words.get(family.name, family.name) not in names] == []
