"""Makes the files in which each result is handed over: the cut-out, the layers, and precise passes."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace

import numpy as np
from PIL import Image

from ...lib_iclight.edge_colors import foreground_colors
from ...lib_iclight.layers import separate
from ...lib_iclight.light_map import to_bytes
from ...lib_iclight.params import IcLightParams
from ...lib_iclight.srgb import to_srgb
from ..hosts.results import Added
from ..packages.exr import encode_exr
from .image_files import encode_png, encode_png16
from .psd import Layer, encode_psd

PRECISE = ("png16", "exr")


@dataclass(frozen=True)
class Result:
    """A finished image with what belongs to it.

    matte: float [H, W], 0..1; None for a subject that is the whole image.  shadow: opacity of the shadow that lies on the image,
    uint8 [H, W]; None without one.  light: computes the light map as linear light, float [H, W, 3]; None without a light.
    """

    image: Image.Image
    matte: np.ndarray | None
    shadow: np.ndarray | None
    light: Callable[[], np.ndarray] | None

    @property
    def infotext(self) -> str:
        return self.image.info.get("parameters", "")

    @property
    def rgb(self) -> np.ndarray:
        return np.asarray(self.image.convert("RGB"))


def files(params: IcLightParams, result: Result) -> list[Added]:
    """Return what `output` adds to a result, to be written beside it."""
    added = list(passes(params.output, result)) if params.output in PRECISE else []
    if result.matte is not None and params.output == "rgba":
        added.append(cut_out(result))
    if result.matte is not None and params.output == "psd":
        added.append(layers(result))
    return [replace(one, beside=getattr(result.image, "already_saved_as", None)) for one in added]


def cut_out(result: Result) -> Added:
    rgba = np.dstack([foreground_colors(result.rgb, result.matte), levels(result.matte)])
    return png("cut-out", Image.fromarray(rgba), result.infotext)


def layers(result: Result) -> Added:
    """Return the PSD file: background, shadow, subject, and the light map, which is hidden."""
    none = np.zeros(result.matte.shape, np.uint8)
    background, shadow, subject = separate(result.rgb, result.matte, none if result.shadow is None else result.shadow)
    stack = [Layer("background", background), Layer("subject", np.dstack([subject, levels(result.matte)]))]
    if result.shadow is not None:
        stack.insert(1, Layer("shadow", np.dstack([none, none, none, shadow])))
    if result.light is not None:
        stack.append(Layer("light map", to_bytes(to_srgb(result.light()) * 255), "soft light", visible=False))
    return Added("layers", result.image, encode_psd(result.rgb, stack, result.infotext), "psd")


def passes(kind: str, result: Result) -> Iterator[Added]:
    """Yield the matte and the light map as files of a kind in PRECISE."""
    if result.matte is not None:
        yield precise("matte", kind, levels(result.matte, 65535), result.matte, result.infotext)
    if result.light is not None:
        linear = result.light()
        yield precise("light map", kind, levels(to_srgb(linear).clip(0, 1), 65535), linear, result.infotext)


def precise(name: str, kind: str, coded: np.ndarray, values: np.ndarray, infotext: str) -> Added:
    """Return a precise file. kind: png16 or exr.  coded: uint16, for PNG and to be displayed.  values: float, for EXR."""
    preview = Image.fromarray((coded >> 8).astype(np.uint8))
    if kind == "png16":
        return Added(f"{name} 16 bit", preview, encode_png16(coded, infotext), "png")
    return Added(f"{name} float", preview, encode_exr(values, infotext), "exr")


def levels(image: np.ndarray, largest: int = 255) -> np.ndarray:
    """Return 0..1 as rounded levels: uint8, or uint16 for 65535."""
    return np.round(image * largest).astype(np.uint8 if largest == 255 else np.uint16)


def png(name: str, image: Image.Image, infotext: str) -> Added:
    return Added(name, image, encode_png(image, infotext), "png")
