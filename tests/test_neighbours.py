"""Beside an extension that ships folders of the same names, each side gets its own modules."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent
pytestmark = pytest.mark.same_everywhere

CLASH = """
import importlib.abc, importlib.machinery, importlib.util, json, os, sys, types
from pathlib import Path
from unittest.mock import MagicMock

STUBBED = {"modules", "modules_forge", "backend", "gradio"}

class Stub(types.ModuleType):
    __path__ = []
    def __getattr__(self, name):
        if name.startswith("__"):
            raise AttributeError(name)
        return MagicMock()

class Finder(importlib.abc.MetaPathFinder, importlib.abc.Loader):
    def find_spec(self, name, path=None, target=None):
        if name.split(".")[0] in STUBBED:
            return importlib.machinery.ModuleSpec(name, self, is_package=True)
    def create_module(self, spec):
        module = Stub(spec.name)
        module.__version__ = "4.40.0"
        if spec.name == "modules.scripts":
            module.Script, module.AlwaysVisible = type("Script", (), {}), object()
        return module
    def exec_module(self, module):
        pass

sys.meta_path.insert(0, Finder())

def load_extension(folder):
    # as Forge does: the extension's folder stays on sys.path, its scripts are not in sys.modules
    sys.path.insert(0, str(folder))
    for path in sorted((Path(folder) / "scripts").glob("*.py")):
        spec = importlib.util.spec_from_file_location(path.name, path)
        module = importlib.util.module_from_spec(spec)
        spec.loader.exec_module(module)
        yield module

def loaded_from(folders):
    found = {}
    for folder in folders:
        for module in load_extension(folder):
            if hasattr(module, "Relight"):
                for name in ("lib_common.fields", "lib_iclight.light_map", "lib_ipadapter.params"):
                    found["ours " + name] = module.load(name).__file__
            else:
                found["theirs"] = module.late()
    return found

import torch, transformers.modeling_utils  # slow, and the same in each order

*others, last = json.loads(sys.argv[1])
for order in others:
    if child := os.fork():
        assert os.waitpid(child, 0)[1] == 0
    else:
        print(json.dumps(loaded_from(order)), flush=True)
        os._exit(0)
print(json.dumps(loaded_from(last)))
"""

NEIGHBOUR = """
import lib_common.fields, lib_iclight.light_map, lib_ipadapter.params, lib_ipadapter.IPAdapterPlus

def late():
    import lib_iclight.second
    return [m.WHOSE for m in (lib_common.fields, lib_iclight.light_map, lib_iclight.second, lib_ipadapter.params,
                              lib_ipadapter.IPAdapterPlus)]
"""


def make_neighbour(folder, regular):
    (folder / "scripts").mkdir(parents=True)
    (folder / "scripts" / "neighbour.py").write_text(NEIGHBOUR)
    for library, names in {"lib_common": ("fields",), "lib_iclight": ("light_map", "second"),
                           "lib_ipadapter": ("params", "IPAdapterPlus")}.items():
        (folder / library).mkdir()
        if regular:
            (folder / library / "__init__.py").touch()
        for name in names:
            (folder / library / f"{name}.py").write_text("WHOSE = 'theirs'\n")


@pytest.fixture(scope="module")
def found(tmp_path_factory):
    """{(regular, we_come_first): what was loaded from where}, each in a process of its own."""
    orders = {}
    for regular in (True, False):
        neighbour = tmp_path_factory.mktemp("neighbour")
        make_neighbour(neighbour, regular)
        orders |= {(regular, True): [str(ROOT), str(neighbour)], (regular, False): [str(neighbour), str(ROOT)]}
    together = [list(orders.values())] if hasattr(os, "fork") else [[order] for order in orders.values()]
    lines = []
    for part in together:
        answer = subprocess.run([sys.executable, "-c", CLASH, json.dumps(part)], capture_output=True, text=True,
                                cwd=tmp_path_factory.mktemp("elsewhere"))
        assert answer.returncode == 0, answer.stderr
        lines += [line for line in answer.stdout.splitlines() if line.startswith("{")]
    return dict(zip(orders, map(json.loads, lines), strict=True))


@pytest.mark.parametrize("regular", [True, False], ids=["with __init__", "without __init__"])
@pytest.mark.parametrize("we_come_first", [True, False], ids=["we first", "they first"])
def test_each_extension_gets_its_own_modules(found, regular, we_come_first):
    loaded = found[regular, we_come_first]
    assert loaded["theirs"] == ["theirs"] * 5
    for module in ("lib_common/fields.py", "lib_iclight/light_map.py", "lib_ipadapter/params.py"):
        assert Path(loaded[f"ours {module[:-3].replace('/', '.')}"]) == ROOT / module
