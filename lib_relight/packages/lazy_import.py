"""Lazy imports: postpones loading a slow package until one of its functions is called.

pymatting compiles itself with numba at its first import, which takes minutes on a small machine; rembg imports it for an
option that Relight does not use.
"""

from __future__ import annotations

import importlib
import importlib.abc
import importlib.machinery
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from types import ModuleType


class PostponedModule(ModuleType):
    """A stub: every attribute is a function that imports the real module when called."""

    def __getattr__(self, name: str):
        if name.startswith("__"):
            raise AttributeError(name)

        def call(*args, **kwargs):
            return getattr(importlib.import_module(self.__name__), name)(*args, **kwargs)

        return call


class Finder(importlib.abc.MetaPathFinder, importlib.abc.Loader):
    def __init__(self, package: str):
        self.package = package

    def find_spec(self, name, path=None, target=None):
        if name == self.package or name.startswith(self.package + "."):
            return importlib.machinery.ModuleSpec(name, self, is_package=True)
        return None

    def create_module(self, spec):
        return PostponedModule(spec.name)

    def exec_module(self, module):
        pass


@contextmanager
def postponed(package: str | None) -> Iterator[None]:
    """Within the block `from package.x import f` gives an f that works, but imports the package when it is called.

    After the block the package is imported normally. Does nothing if it is loaded already, or None.
    """
    if package is None or package in sys.modules:
        yield
        return
    finder = Finder(package)
    sys.meta_path.insert(0, finder)
    try:
        yield
    finally:
        sys.meta_path.remove(finder)
        for name, module in list(sys.modules.items()):
            if isinstance(module, PostponedModule) and name.partition(".")[0] == package:
                del sys.modules[name]
