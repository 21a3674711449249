"""The published adapter families, as one table."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Family:
    """One row.

    signature: what shapes can tell: base | base-g | resampler | full | faceid | faceid-plus | portrait | resampler-face.
    hints: parts of a file's name that mean this family, tried in the table's order.  crop: the suggested crop.
    shortcut: the projection adds the identity tokens to its output (PlusV2).
    """

    name: str
    signature: str
    title: str
    hints: tuple[str, ...] = ()
    crop: str = "center"
    shortcut: bool = False


FAMILIES = (
    Family("light", "base", "light", ("light",)),
    Family("base", "base", "base"),
    Family("vit-g", "base-g", "vit-G"),
    Family("plus-face", "resampler", "plus face", ("face",), crop="face"),
    Family("composition", "resampler", "composition", ("composition",)),
    Family("plus", "resampler", "plus"),
    Family("full-face", "full", "full face", crop="face"),
    Family("portrait", "portrait", "FaceID Portrait", crop="face"),
    Family("faceid", "faceid", "FaceID", crop="face"),
    Family("faceid-plusv2", "faceid-plus", "FaceID PlusV2", ("plusv2", "plus-v2", "plus_v2", "v2"), crop="face",
           shortcut=True),
    Family("faceid-plus", "faceid-plus", "FaceID Plus", crop="face"),
    Family("portrait-unnorm", "resampler-face", "FaceID Portrait (unnorm)", crop="face"),
)
BY_NAME = {family.name: family for family in FAMILIES}


def family_group(signature: str) -> tuple[Family, ...]:
    """The families that shapes cannot tell apart, most specific first."""
    return tuple(family for family in FAMILIES if family.signature == signature)
