"""The two rules of the design that keep the extension from breaking its neighbours, and house rules, all checked."""

import ast
import functools
import json
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent
PURE = ("lib_common", "lib_iclight", "lib_ipadapter")
LIBRARIES = (*PURE, "lib_relight", "embedded_host")
PURE_MAY_IMPORT = {"numpy", "torch", "PIL", "safetensors", "transformers"}
HOST = {"modules", "modules_forge", "backend", "ldm_patched", "gradio"}
SERVER = {"diffusers", "fastapi", "uvicorn", "starlette"}
FORBIDDEN = {"IPAdapterPlus", "resampler", "utils", "image_proj_models", "CrossAttentionPatch"}
LONGEST_FILE, LONGEST_FUNCTION = 300, 40
LONG = set()
"""Files and functions (path::name) that may be longer; none so far."""


def sources(*folders):
    return sorted(path for folder in folders for path in (ROOT / folder).rglob("*.py"))


def name_of(path):
    return path.relative_to(ROOT).as_posix()


@functools.cache
def tree(path):
    return ast.parse(path.read_text("utf-8"))


def imports(path):
    """(level, top-level module) of every import statement, wherever it stands."""
    for node in ast.walk(tree(path)):
        if isinstance(node, ast.Import):
            for alias in node.names:
                yield 0, alias.name.split(".")[0]
        elif isinstance(node, ast.ImportFrom):
            yield node.level, (node.module or "").split(".")[0]


def absolute_roots(path):
    return {root for level, root in imports(path) if level == 0}


def may_know_the_host(path):
    name = name_of(path)
    return name.startswith(("lib_relight/ui/", "lib_relight/hosts/", "lib_relight/web/", "embedded_host/"))


@pytest.mark.parametrize("library", LIBRARIES)
def test_top_folders_are_no_regular_packages(library):
    assert not (ROOT / library / "__init__.py").exists()


@pytest.mark.parametrize("library", LIBRARIES)
def test_no_module_has_a_name_that_hosts_use(library):
    assert not FORBIDDEN & {path.stem for path in (ROOT / library).iterdir()}


def test_pure_libraries_import_only_numerics():
    allowed = PURE_MAY_IMPORT | set(sys.stdlib_module_names)
    foreign = {name_of(path): absolute_roots(path) - allowed for path in sources(*PURE)}
    assert not {name: roots for name, roots in foreign.items() if roots}


def test_pure_libraries_import_nothing_of_ours_but_lib_common():
    reached = {(name_of(path), root) for path in sources(*PURE) for level, root in imports(path)
               if level >= len(path.relative_to(ROOT).parts)}
    assert {root for name, root in reached if not name.startswith("lib_common/")} == {"lib_common"}
    assert not [name for name, _ in reached if name.startswith("lib_common/")]


def test_only_the_edge_knows_the_host():
    found = {name_of(path): absolute_roots(path) & (HOST | SERVER)
             for path in sources("lib_relight") if not may_know_the_host(path)}
    assert not {name: roots for name, roots in found.items() if roots}


def test_own_libraries_are_imported_relatively():
    paths = [path for path in sources(*LIBRARIES) if "webui" not in path.parts]  # loaded as the host's own modules
    assert not [name_of(path) for path in paths
                if absolute_roots(path) & {*LIBRARIES, "sd_relight", "scripts"}]


def test_the_extension_does_not_need_the_embedded_host():
    for path in sources("lib_relight"):
        statements = [node for node in ast.walk(tree(path)) if isinstance(node, ast.ImportFrom)]
        named = {alias.name for node in statements for alias in node.names}
        assert "embedded_host" not in {root for _, root in imports(path)} | named, name_of(path)


def test_the_script_file_has_no_dataclass():
    """Hosts load it without an entry in sys.modules, where dataclasses with postponed annotations fail."""
    assert "dataclass" not in (ROOT / "scripts/relight.py").read_text("utf-8")


def long_parts(path):
    """What is longer than the house allows: (name, lines)."""
    lines = path.read_text("utf-8").count("\n")
    if lines > LONGEST_FILE:
        yield name_of(path), lines
    for node in ast.walk(tree(path)):
        if isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef)):
            length = node.end_lineno - node.lineno + 1
            if length > LONGEST_FUNCTION:
                yield f"{name_of(path)}::{node.name}", length


def test_files_and_functions_stay_short():
    paths = [ROOT / "dev.py", *sources(*LIBRARIES, "scripts", "training", "benchmarks", "devtools", "assets")]
    found = dict(part for path in paths for part in long_parts(path))
    assert not {name: lines for name, lines in found.items() if name not in LONG}


# Beside an extension that ships folders of the same names ------------------------------------------------------------

CLASH = """
import importlib.abc, importlib.machinery, importlib.util, json, sys, types
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

found = {}
for folder in sys.argv[1:]:
    for module in load_extension(folder):
        if hasattr(module, "Relight"):
            for name in ("lib_common.fields", "lib_iclight.light_map", "lib_ipadapter.params"):
                found["ours " + name] = module.load(name).__file__
        else:
            found["theirs"] = module.late()
print(json.dumps(found))
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


@pytest.mark.parametrize("regular", [True, False], ids=["with __init__", "without __init__"])
@pytest.mark.parametrize("we_come_first", [True, False], ids=["we first", "they first"])
def test_each_extension_gets_its_own_modules(tmp_path, regular, we_come_first):
    neighbour = tmp_path / "neighbour"
    make_neighbour(neighbour, regular)
    order = [str(ROOT), str(neighbour)] if we_come_first else [str(neighbour), str(ROOT)]
    answer = subprocess.run([sys.executable, "-c", CLASH, *order], capture_output=True, text=True, cwd=tmp_path)
    assert answer.returncode == 0, answer.stderr
    found = json.loads(answer.stdout.splitlines()[-1])
    assert found["theirs"] == ["theirs"] * 5
    for module in ("lib_common/fields.py", "lib_iclight/light_map.py", "lib_ipadapter/params.py"):
        assert Path(found[f"ours {module[:-3].replace('/', '.')}"]) == ROOT / module
