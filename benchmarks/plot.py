"""Bars of the bench's figures as an image; needs matplotlib."""

from __future__ import annotations

from pathlib import Path


def bars(panels: dict[str, dict[str, float]], path: Path) -> None:
    """Write an image with a panel for each label, in which every name has a bar. All panels have the same names."""
    from matplotlib.figure import Figure

    names = list(next(iter(panels.values())))
    figure = Figure(figsize=(10, 0.4 * len(names) + 1.5), layout="constrained")
    for axes, (label, values) in zip(figure.subplots(1, len(panels), sharey=True), panels.items()):
        axes.barh(names, [values[name] for name in names])
        axes.set_xlabel(label)
    figure.savefig(path)
