"""Encodes layers as a PSD file. Format: Adobe Photoshop File Formats Specification, 2019."""

from __future__ import annotations

import struct
from collections.abc import Sequence
from dataclasses import dataclass
from html import escape

import numpy as np

from ..base.errors import RelightError

LARGEST = 30000
"""Pixels of a side that the format allows."""
BLEND_MODES = {"normal": b"norm", "multiply": b"mul ", "soft light": b"sLit"}
BLOCK = 64
"""Pixels that are compressed at a time: one run if they are equal, stored as they are if not."""
RGB_MODE, RLE, XMP, HIDDEN = 3, 1, 1060, 2
XMP_PACKET = (
    '<x:xmpmeta xmlns:x="adobe:ns:meta/"><rdf:RDF xmlns:rdf="http://www.w3.org/1999/02/22-rdf-syntax-ns#">'
    '<rdf:Description rdf:about="" xmlns:dc="http://purl.org/dc/elements/1.1/"><dc:description><rdf:Alt>'
    '<rdf:li xml:lang="x-default">{}</rdf:li></rdf:Alt></dc:description></rdf:Description></rdf:RDF></x:xmpmeta>')


@dataclass(frozen=True)
class Layer:
    """pixels: uint8 [H, W, 3], or [H, W, 4] with straight alpha.  blend: a key of BLEND_MODES."""

    name: str
    pixels: np.ndarray
    blend: str = "normal"
    visible: bool = True


def encode_psd(flat: np.ndarray, layers: Sequence[Layer], infotext: str = "") -> bytes:
    """Return a PSD file of 8 bits a channel.

    flat: what the visible layers composite to, uint8 [H, W, 3].  layers: of the same size, from the lowest to the highest.
    infotext: goes into the file's description (XMP). Raises RelightError for an image that is too large for the format.
    """
    height, width = flat.shape[:2]
    if max(height, width) > LARGEST:
        raise RelightError(f"`output` psd holds at most {LARGEST} pixels a side, and the image is {width}x{height}; choose rgba.")
    channels = [packed_channels(layer.pixels) for layer in layers]
    records = b"".join(record(layer, [len(channel) for channel in own]) for layer, own in zip(layers, channels, strict=True))
    info = struct.pack(">h", len(layers)) + records + b"".join(b"".join(own) for own in channels)
    counts, rows = zip(*(pack_rows(flat[..., channel]) for channel in range(3)), strict=True)
    return b"".join((
        struct.pack(">4sH6xHIIHH", b"8BPS", 1, 3, height, width, 8, RGB_MODE), struct.pack(">I", 0), block(resources(infotext)),
        block(block(info) + struct.pack(">I", 0)), struct.pack(">H", RLE), *counts, *rows))


def block(data: bytes) -> bytes:
    return struct.pack(">I", len(data)) + data


def resources(infotext: str) -> bytes:
    if not infotext:
        return b""
    packet = XMP_PACKET.format(escape(infotext)).encode()
    return struct.pack(">4sHH", b"8BIM", XMP, 0) + block(packet) + bytes(len(packet) % 2)


def record(layer: Layer, lengths: Sequence[int]) -> bytes:
    """Return a layer's record. lengths: of its channels' data, red, green, blue and alpha."""
    height, width = layer.pixels.shape[:2]
    name = layer.name.encode("ascii")
    name = bytes([len(name)]) + name
    more = struct.pack(">II", 0, 0) + name + bytes(-len(name) % 4)  # no mask, no blending ranges
    channels = b"".join(struct.pack(">hI", -1 if number == 3 else number, length) for number, length in enumerate(lengths))
    return b"".join((struct.pack(">4IH", 0, 0, height, width, len(lengths)), channels, b"8BIM", BLEND_MODES[layer.blend],
                     struct.pack(">BBBB", 255, 0, 0 if layer.visible else HIDDEN, 0), block(more)))


def packed_channels(pixels: np.ndarray) -> list[bytes]:
    """Return each channel's data, of even length, which some readers rely on."""
    channels = [struct.pack(">H", RLE) + b"".join(pack_rows(pixels[..., channel])) for channel in range(pixels.shape[2])]
    return [channel + bytes(len(channel) % 2) for channel in channels]


def pack_rows(plane: np.ndarray) -> tuple[bytes, bytes]:
    """Compress each row of uint8 [H, W] by PackBits. Returns the rows' lengths, two bytes each, and the rows."""
    height, width = plane.shape
    count = -(-width // BLOCK)
    lengths = np.full(count, BLOCK)
    lengths[-1] = width - BLOCK * (count - 1)
    blocks = np.pad(plane, ((0, 0), (0, count * BLOCK - width)), mode="edge").reshape(height, count, BLOCK)
    is_run = (blocks == blocks[..., :1]).all(axis=-1) & (lengths > 1)
    heads = np.where(is_run, 257 - lengths, lengths - 1).astype(np.uint8)
    stored = np.arange(BLOCK + 1) <= np.where(is_run, 1, lengths)[..., None]
    rows = np.concatenate([heads[..., None], blocks], axis=-1)[stored]
    return stored.sum(axis=(1, 2)).astype(">u2").tobytes(), rows.tobytes()
