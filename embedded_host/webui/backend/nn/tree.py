"""A view of a diffusers network under the names of another layout, without copying a tensor."""

import torch


class Branch(torch.nn.Module):
    """A nameless level of the tree; `branch[0]`, len() and iteration as in a ModuleList."""

    def __getitem__(self, index):
        return list(self._modules.values())[index]

    def __iter__(self):
        return iter(self._modules.values())

    def __len__(self):
        return len(self._modules)


def graft(root, network, names):
    """Hang every layer of `network` that holds parameters into `root` under its other name.

    names: {module name in network: module name under root}. The layers are shared: setting a parameter through one name
    sets it for both. Raises KeyError for a layer without a name.
    """
    for name, layer in network.named_modules():
        if not any(True for _ in layer.parameters(recurse=False)):
            continue
        *path, last = names[name].split(".")
        branch = root
        for part in path:
            if part not in branch._modules:
                branch.add_module(part, Branch())
            branch = branch._modules[part]
        branch.add_module(last, layer)
    _sort(root)


def _sort(branch):
    """Numbered children in order of their numbers, whatever the order in which they were hung."""
    if isinstance(branch, Branch):
        names = sorted(branch._modules, key=lambda name: (int(name) if name.isdigit() else -1, name))
        branch._modules = {name: branch._modules[name] for name in names}
        for child in branch._modules.values():
            _sort(child)
    elif not list(branch.parameters(recurse=False)):
        for child in branch._modules.values():
            _sort(child)
