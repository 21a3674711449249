"""Defines the published adapter families: how to detect each, its sizes, its projection and its inputs.

To add a family that shares its layout with another: an entry in FAMILIES. A family with a layout of its own needs a Layout,
and a class in projections.py if none fits. The choices of the field `family` follow from the table.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from torch import Tensor, nn

from . import projections

Shapes = dict[str, tuple[int, ...]]
Sizes = dict[str, Any]
FACE_WIDTH = 512
MAX_DEPTH = 64


@dataclass(frozen=True)
class Layout:
    """A layout of image projections that is recognisable by shapes.

    key: a key that the projection must have; LAYOUTS are tried in order.  sizes: image_proj shapes -> arguments of
    `projection`, with at least output and tokens; raises KeyError, IndexError or ValueError for other shapes.
    applies: (base, sizes) -> whether the layout fits, where several share a key.
    encoder_output: image_embeds | hidden (the last but one hidden state), empty for none.  encoder_width: sizes -> width of
    that output.  face: normed | raw, the face embedding, empty for none.
    project: (projection, encoder output, face embedding, structure scale) -> tokens; None is what the layout does not take.
    """

    name: str
    key: str
    sizes: Callable[[Shapes], Sizes]
    projection: Callable[..., nn.Module]
    applies: Callable[[str, Sizes], bool] = lambda base, sizes: True
    encoder_output: str = ""
    encoder_width: Callable[[Sizes], int] = lambda sizes: sizes["input"]
    face: str = ""
    project: Callable[..., Tensor] = lambda projection, embeds, face, scale: projection(embeds)


@dataclass(frozen=True)
class Family:
    """One published family.

    layout: name of its Layout.  hints: parts of file names that select this family, tried in the table's order.
    crop: the suggested crop.  shortcut: the projection adds the identity tokens to its output (PlusV2).
    only_base: the one base on which files of this layout are always of this family.
    """

    name: str
    layout: str
    title: str
    hints: tuple[str, ...] = ()
    crop: str = "center"
    shortcut: bool = False
    only_base: str = ""


def base_sizes(proj: Shapes) -> Sizes:
    (out, width), (cross,) = proj["proj.weight"], proj["norm.weight"]
    return {"input": width, "output": cross, "tokens": exact_ratio(out, cross)}


def full_sizes(proj: Shapes) -> Sizes:
    (hidden, width), (out, _) = proj["proj.0.weight"], proj["proj.2.weight"]
    return {"input": width, "hidden": hidden, "output": out, "tokens": 257}


def face_sizes(proj: Shapes) -> Sizes:
    (hidden, width), (out, _), (cross,) = proj["proj.0.weight"], proj["proj.2.weight"], proj["norm.weight"]
    return {"input": width, "hidden": hidden, "output": cross, "tokens": exact_ratio(out, cross)}


def perceiver_sizes(proj: Shapes, prefix: str = "") -> Sizes:
    """Return the sizes of a perceiver whose keys begin with prefix. Heads are 64 wide in every published file."""
    dim, width = proj[f"{prefix}proj_in.weight"]
    inner = proj[f"{prefix}layers.0.0.to_q.weight"][0]
    start = f"{prefix}layers."
    depth = len({key[len(start):].split(".")[0] for key in proj if key.startswith(start)})
    if depth > MAX_DEPTH:
        raise ValueError(f"{depth} layers")
    return {"input": width, "dim": dim, "heads": exact_ratio(inner, 64), "depth": depth,
            "hidden": proj[f"{prefix}layers.0.1.1.weight"][0], "output": proj[f"{prefix}proj_out.weight"][0]}


def resampler_sizes(proj: Shapes) -> Sizes:
    return {**perceiver_sizes(proj), "tokens": proj["latents"][1]}


def face_plus_sizes(proj: Shapes) -> Sizes:
    face = face_sizes(proj)
    return {"input": face["input"], "id_hidden": face["hidden"], "output": face["output"], "tokens": face["tokens"],
            "resampler": perceiver_sizes(proj, "perceiver_resampler.")}


def exact_ratio(total: int, part: int) -> int:
    if not part or total % part or not total:
        raise ValueError(f"{total} is no multiple of {part}")
    return total // part


def project_face(projection: nn.Module, embeds: Tensor | None, face: Tensor, scale: float) -> Tensor:
    return projection(face)


LAYOUTS = {layout.name: layout for layout in (
    Layout("faceid-plus", "perceiver_resampler.proj_in.weight", face_plus_sizes, projections.FacePlusProjection,
           encoder_output="hidden", encoder_width=lambda sizes: sizes["resampler"]["input"], face="normed",
           project=lambda projection, embeds, face, scale: projection(face, embeds, scale)),
    Layout("resampler-face", "latents", resampler_sizes, projections.Resampler,
           applies=lambda base, sizes: sizes["input"] == FACE_WIDTH, face="raw",
           project=lambda projection, embeds, face, scale: projection(face[:, None])),
    Layout("resampler", "latents", resampler_sizes, projections.Resampler, encoder_output="hidden"),
    Layout("full", "proj.3.weight", full_sizes, projections.FullProjection, encoder_output="hidden"),
    Layout("portrait", "proj.2.weight", face_sizes, projections.FaceProjection,
           applies=lambda base, sizes: sizes["tokens"] > 4, face="normed", project=project_face),
    Layout("faceid", "proj.2.weight", face_sizes, projections.FaceProjection, face="normed", project=project_face),
    Layout("base-g", "proj.weight", base_sizes, projections.ImageProjection,
           applies=lambda base, sizes: base == "sd15" and sizes["input"] == 1280, encoder_output="image_embeds"),
    Layout("base", "proj.weight", base_sizes, projections.ImageProjection, encoder_output="image_embeds"),
)}

FAMILIES = (
    Family("base", "base", "base"),
    Family("light", "base", "light", ("light",)),
    Family("vit-g", "base-g", "vit-G"),
    Family("plus", "resampler", "plus"),
    Family("plus-face", "resampler", "plus face", ("face",), crop="face"),
    Family("composition", "resampler", "composition", ("composition",)),
    Family("full-face", "full", "full face", crop="face"),
    Family("faceid", "faceid", "FaceID", crop="face"),
    Family("faceid-plus", "faceid-plus", "FaceID Plus", crop="face"),
    Family("faceid-plusv2", "faceid-plus", "FaceID PlusV2", ("plusv2", "plus-v2", "plus_v2", "v2"), crop="face",
           shortcut=True, only_base="sdxl"),
    Family("portrait", "portrait", "FaceID Portrait", crop="face"),
    Family("portrait-unnorm", "resampler-face", "FaceID Portrait (unnorm)", crop="face"),
)
BY_NAME = {family.name: family for family in FAMILIES}


def detect_layout(proj: Shapes, base: str) -> tuple[Layout, Sizes] | None:
    """Return the layout of an image projection and its sizes, None if unknown."""
    for layout in LAYOUTS.values():
        if layout.key not in proj:
            continue
        try:
            sizes = layout.sizes(proj)
        except (KeyError, IndexError, ValueError):
            continue
        if layout.applies(base, sizes):
            return layout, sizes
    return None


def families_of(layout: Layout) -> tuple[Family, ...]:
    """Return the families of a layout: those with hints first, since files without a hint are of the one without."""
    return tuple(sorted((family for family in FAMILIES if family.layout == layout.name), key=lambda family: not family.hints))
