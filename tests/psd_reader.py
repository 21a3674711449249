"""Reads the layers of a PSD file with PackBits, by Adobe's specification; Pillow reads the flat image only."""

import struct
from typing import NamedTuple

import numpy as np


class ReadLayer(NamedTuple):
    name: str
    blend: bytes
    visible: bool
    pixels: np.ndarray


def read_layers(data):
    """The layers from the lowest on, pixels uint8 [H, W, C] in the order of the file's channels."""
    place = 30  # behind the header and no colour table
    place += 4 + struct.unpack_from(">I", data, place)[0] + 8  # behind the resources and two lengths
    count = struct.unpack_from(">h", data, place)[0]
    place, records = place + 2, []
    for _ in range(count):
        height, width, channels = struct.unpack_from(">8xIIH", data, place)
        lengths = [struct.unpack_from(">2xI", data, place + 18 + 6 * number)[0] for number in range(channels)]
        place += 18 + 6 * channels + 4
        blend, flags, more = struct.unpack_from(">4s2xBxI", data, place)
        name = data[place + 21:place + 21 + data[place + 20]].decode()
        place += 12 + more
        records.append((name, blend, not flags & 2, height, width, lengths))
    layers = []
    for name, blend, visible, height, width, lengths in records:
        planes = []
        for length in lengths:
            assert data[place:place + 2] == b"\0\1", "PackBits"
            planes.append(unpacked(data[place + 2 + 2 * height:place + length], height * width).reshape(height, width))
            place += length
        layers.append(ReadLayer(name, blend, visible, np.stack(planes, axis=-1)))
    return layers


def unpacked(data, size):
    """n < 128 is followed by n + 1 bytes, n > 128 by one that is repeated 257 - n times."""
    values, place = bytearray(), 0
    while len(values) < size:
        head = data[place]
        is_run = head > 128
        values += data[place + 1:place + 2] * (257 - head) if is_run else data[place + 1:place + 2 + head]
        place += 2 if is_run else 2 + head
    return np.frombuffer(bytes(values), np.uint8)
