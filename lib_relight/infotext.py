"""What a saved picture says about its light, and the way back from there to the panel."""

from __future__ import annotations

from dataclasses import dataclass, field, fields

import numpy as np

from ..lib_iclight.params import IMAGE_FIELDS, IcLightParams
from .caches import content_hash
from .request import PANEL_FIELDS, IcLightImages

MARKER = "Relight"
"""The key that carries the proof; its presence says that the picture was relit."""


@dataclass
class Proof:
    """What was really applied; its text is the value of MARKER."""

    kind: str
    light: str
    accepted: int = 0
    offered: int = 0
    sizes: dict[str, None] = field(default_factory=dict)
    steps: tuple[int, int] | None = None

    def __str__(self) -> str:
        text = f"{self.kind}, {self.light}, {self.accepted}/{self.offered} weights, condition {' and '.join(self.sizes) or '-'}"
        return f"{text}, {self.steps[0]} steps run of {self.steps[1]}" if self.steps else text


def key_of(name: str) -> str:
    """Infotext key of a field: light_start -> "Relight light start"."""
    return f"{MARKER} {name.replace('_', ' ')}"


def to_infotext(params: IcLightParams, images: IcLightImages) -> dict[str, str]:
    """One flat key per field that is not at its default, and a short hash of each picture that was given."""
    pairs = {}
    for item in fields(IcLightParams):
        value = getattr(params, item.name)
        if value != item.default and item.name != "extras":
            pairs[key_of(item.name)] = f"{value:g}" if isinstance(value, float) else str(value)
    for name in IMAGE_FIELDS:
        if (image := getattr(images, name)) is not None:
            pairs[key_of(f"{name} hash")] = content_hash(np.asarray(image), digits=10)
    return pairs


def from_infotext(pairs: dict, name: str):
    """The field's value in a pasted infotext: its default where the picture was relit without naming it."""
    item = next(f for f in fields(IcLightParams) if f.name == name)
    text = pairs.get(key_of(name))
    if text is None:
        return item.default
    kind = item.type.split(" |")[0]
    if kind == "bool":
        return str(text) == "True"
    return float(text) if kind == "float" else str(text)


def paste_function(name: str):
    """For the host's infotext_fields: the field's value, or None (leave it) when the picture was not relit."""
    return lambda pairs: from_infotext(pairs, name) if MARKER in pairs else None


def paste_fields() -> list[tuple[str, object]]:
    """(panel field, function of the pasted pairs) for every field that the panel shows."""
    return [(name, paste_function(name)) for name in PANEL_FIELDS if name != "extras"]
