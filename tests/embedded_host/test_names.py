"""`embedded_host/webui` has no module that nobody imports, and every name that somebody imports from it."""

import ast
import functools
from pathlib import Path

import pytest

pytestmark = pytest.mark.same_everywhere
ROOT = Path(__file__).resolve().parents[2]
WEBUI = ROOT / "embedded_host" / "webui"
PACKAGES = ("modules", "modules_forge", "backend")
USERS = ("scripts", "lib_relight", "embedded_host", "tests", "benchmarks", "assets")
OTHER_HOSTS = {"modules.localization", "modules.sd_unet", "modules.sd_vae", "backend.patcher.lora.weight_adapter"}
"""Names that only code for other WebUIs imports."""


def path_of(module):
    base = WEBUI.joinpath(*module.split("."))
    return next((path for path in (base.with_suffix(".py"), base / "__init__.py") if path.is_file()), None)


def imported_from(path):
    """(module, name or None) of every import of the WebUI's packages in a file."""
    for node in ast.walk(ast.parse(path.read_text("utf-8"))):
        if isinstance(node, ast.Import):
            yield from ((alias.name, None) for alias in node.names if alias.name.split(".")[0] in PACKAGES)
        elif isinstance(node, ast.ImportFrom) and node.level == 0 and node.module.split(".")[0] in PACKAGES:
            yield from ((node.module, alias.name) for alias in node.names)


@functools.cache
def all_imports():
    return {pair for folder in USERS for path in (ROOT / folder).rglob("*.py") for pair in imported_from(path)}


@functools.cache
def names_in(module):
    """The top-level names of a module, with those that it makes in a loop."""
    tree = ast.parse(path_of(module).read_text("utf-8"))
    found = set()
    for node in tree.body:
        if isinstance(node, (ast.FunctionDef, ast.ClassDef)):
            found.add(node.name)
        elif isinstance(node, (ast.Import, ast.ImportFrom)):
            found |= {alias.asname or alias.name for alias in node.names}
        else:
            found |= {name.id for name in ast.walk(node) if isinstance(name, ast.Name)}
    return found


def test_every_module_is_imported_by_somebody():
    needed = {module for module, _ in all_imports()} | {f"{module}.{name}" for module, name in all_imports() if name}
    modules = {".".join(path.relative_to(WEBUI).with_suffix("").parts) for path in WEBUI.rglob("*.py")
               if path.name != "__init__.py"}
    assert modules - needed == set()


def test_every_name_that_is_imported_exists():
    missing = {f"{module}.{name}" if name else module for module, name in all_imports()
               if path_of(module) is None and not WEBUI.joinpath(*module.split(".")).is_dir()
               or name and path_of(f"{module}.{name}") is None and (path_of(module) is None or name not in names_in(module))}
    assert {name for name in missing if name not in OTHER_HOSTS and name.rpartition(".")[0] not in OTHER_HOSTS} == set()


def test_every_file_says_what_it_is_for():
    assert [path.name for path in WEBUI.rglob("*.py") if path.name != "__init__.py"
            and not (ast.get_docstring(ast.parse(path.read_text("utf-8"))) or "")] == []
