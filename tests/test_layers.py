"""The rules of the design that can be read from the source: layers, cycles, imports, lengths."""

import ast
import functools
import sys
from pathlib import Path

import pytest

pytestmark = pytest.mark.same_everywhere
ROOT = Path(__file__).resolve().parent.parent
PURE = ("lib_common", "lib_iclight", "lib_ipadapter")
LIBRARIES = (*PURE, "lib_relight", "embedded_host")
PURE_MAY_IMPORT = {"numpy", "torch", "PIL", "safetensors", "transformers"}
HOST = {"modules", "modules_forge", "backend", "ldm_patched", "gradio"}
SERVER = {"diffusers", "fastapi", "uvicorn", "starlette"}
SLOW = {"transformers", "scipy", "onnxruntime", "rembg", "diffusers", "matplotlib", "pandas"}
"""Take a second or more to import, which every start of a host would wait for."""
FORBIDDEN = {"IPAdapterPlus", "resampler", "utils", "image_proj_models", "CrossAttentionPatch"}
LONGEST_FILE, LONGEST_FUNCTION = 300, 30
ROOMS = ("base", "packages", "request", "matting", "hosts", "models", "checks", "job", "web", "ui")
"""Folders of lib_relight from the bottom to the top; each imports only those before it."""
FLOORS = {"lib_common": (), "lib_iclight": ("lib_common",), "lib_ipadapter": ("lib_common",),
          "lib_relight": ("lib_common", "lib_iclight", "lib_ipadapter"), "scripts": ("lib_relight",)}
"""What each top folder of the extension imports beside itself."""

def sources(*folders):
    return sorted(path for folder in folders for path in (ROOT / folder).rglob("*.py"))


def name_of(path):
    return path.relative_to(ROOT).as_posix()


@functools.cache
def tree(path):
    return ast.parse(path.read_text("utf-8"))


def imported(path):
    """(level, dotted module, names) of every import statement, wherever it stands."""
    for node in ast.walk(tree(path)):
        if isinstance(node, ast.Import):
            yield from ((0, alias.name, ()) for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            yield node.level, node.module or "", [alias.name for alias in node.names]


def imports(path):
    """(level, top-level module) of every import statement."""
    return {(level, module.split(".")[0]) for level, module, _ in imported(path)}


def module_file(place):
    """The file of a module or package, or None."""
    return next((file for file in (place.with_suffix(".py"), place / "__init__.py") if file.is_file()), None)


def imported_files(path):
    """The files of this repository that a file imports; host names mean the embedded host's own inside it."""
    for level, module, names in imported(path):
        if level:
            folder = path.parents[level - 1]
        elif "embedded_host" in path.parts and module.split(".")[0] in HOST:
            folder = ROOT / "embedded_host/webui"
        else:
            continue
        base = folder.joinpath(*filter(None, module.split(".")))
        targets = [module_file(base / name) or module_file(base) for name in names] or [module_file(base)]
        yield from (target for target in targets if target not in (None, path))


def absolute_roots(path):
    return {root for level, root in imports(path) if level == 0}


def outsiders(names, *edges):
    """{file: names it imports} of lib_relight's files outside the rooms at its edges."""
    rooms = tuple(f"lib_relight/{room}/" for room in edges)
    found = {name_of(path): absolute_roots(path) & names for path in sources("lib_relight")}
    return {name: roots for name, roots in found.items() if roots and not name.startswith(rooms)}


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


def test_only_the_edge_knows_the_host():
    assert not outsiders(HOST, "ui", "hosts")
    assert not outsiders(SERVER, "ui", "hosts", "web")


def test_slow_packages_are_imported_where_they_are_used():
    at_start = {name_of(path): {name.split(".")[0] for node in tree(path).body for name in names_in(node)} & SLOW
                for path in sources("lib_common", "lib_iclight", "lib_ipadapter", "lib_relight", "scripts")}
    assert not {name: packages for name, packages in at_start.items() if packages}


def names_in(statement):
    """The modules that an import statement names, none for other statements."""
    if isinstance(statement, ast.Import):
        return [alias.name for alias in statement.names]
    return [statement.module or ""] if isinstance(statement, ast.ImportFrom) and not statement.level else []


def test_own_libraries_are_imported_relatively():
    paths = [path for path in sources(*LIBRARIES) if "webui" not in path.parts]  # loaded as the host's own modules
    assert not [name_of(path) for path in paths
                if absolute_roots(path) & {*LIBRARIES, "sd_relight", "scripts"}]


def test_the_script_file_has_no_dataclass():
    """Hosts load it without an entry in sys.modules, where dataclasses with postponed annotations fail."""
    assert "dataclass" not in (ROOT / "scripts/relight.py").read_text("utf-8")


def room_of(name):
    """(top folder, room of lib_relight or "") of a file's name."""
    top, *rest = name.split("/")
    return top, rest[0] if top == "lib_relight" and len(rest) > 1 else ""


def breaks_the_layers(importer, target):
    (top, room), (other, other_room) = room_of(importer), room_of(target)
    if top == other == "lib_relight":
        return room != other_room and ROOMS.index(room) < ROOMS.index(other_room)
    return top != other and other not in FLOORS[top]


def test_layers_are_imported_from_above_only():
    found = {(name_of(path), name_of(target)) for path in sources(*FLOORS) for target in imported_files(path)}
    wrong = {f"{importer} -> {target}" for importer, target in found if breaks_the_layers(importer, target)}
    assert not wrong, sorted(wrong)


def reachable(graph, start):
    """The nodes that can be reached from one in one step or more."""
    found, waiting = set(), [start]
    while waiting:
        new = graph.get(waiting.pop(), set()) - found
        found |= new
        waiting += new
    return found


def test_benchmarks_import_nothing_of_the_tests():
    """The tests are found by the names of their folders, without `tests` before them."""
    of_tests = {path.stem for path in (ROOT / "tests").iterdir()}
    by_name = [name_of(path) for path in sources("benchmarks") if absolute_roots(path) & of_tests]
    by_place = [name_of(path) for path in sources("benchmarks") for _, module, names in imported(path)
                if "tests" in (*module.split("."), *names)]
    assert not by_name + by_place


def test_no_file_imports_itself_through_others():
    paths = sources(*LIBRARIES, "scripts", "training", "benchmarks")
    graph = {name_of(path): {name_of(target) for target in imported_files(path)} for path in paths}
    found = {name for name in graph if name in reachable(graph, name)}
    assert not found, sorted(found)


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
    paths = [ROOT / "dev.py", *sources(*LIBRARIES, "scripts", "training", "benchmarks", "devtools", "assets", "tests")]
    found = dict(part for path in paths for part in long_parts(path))
    assert not found
