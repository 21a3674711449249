"""A view of a diffusers network under the parameter names of another layout, without copying a tensor."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from torch.nn import Module


class Branch(Module):
    """A level of the tree without parameters of its own; indexing, len() and iteration as in a ModuleList."""

    def __getitem__(self, index: int) -> Module:
        return list(self._modules.values())[index]

    def __iter__(self) -> Iterator[Module]:
        return iter(self._modules.values())

    def __len__(self) -> int:
        return len(self._modules)


def graft(root: Module, network: Module, names: Mapping[str, str]) -> None:
    """Register every layer of `network` that holds parameters in `root` under its other name.

    names: {module name in network: module name under root}. The layers are shared: setting a parameter through one name
    sets it for both. Raises KeyError for a layer without a name.
    """
    for name, layer in network.named_modules():
        if next(layer.parameters(recurse=False), None) is None:
            continue
        *path, last = names[name].split(".")
        branch = root
        for part in path:
            if part not in branch._modules:
                branch.add_module(part, Branch())
            branch = branch._modules[part]
        branch.add_module(last, layer)
    _sort(root)


def _sort(branch: Module) -> None:
    """Put numbered children in the order of their numbers, independent of the order of registration."""
    if isinstance(branch, Branch):
        ordered = sorted(branch._modules, key=lambda name: (int(name) if name.isdigit() else -1, name))
        branch._modules = {name: branch._modules[name] for name in ordered}
    elif next(branch.parameters(recurse=False), None) is not None:
        return
    for child in branch._modules.values():
        _sort(child)
