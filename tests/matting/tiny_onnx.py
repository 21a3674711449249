"""ONNX files written by hand: the protobuf wire format needs thirty lines, the onnx package would need another protobuf.

Field numbers: onnx/onnx.proto (ModelProto, GraphProto, NodeProto, AttributeProto, ValueInfoProto, TypeProto).
"""

from __future__ import annotations

FLOAT = 1
FLOAT_ATTRIBUTE, INT_ATTRIBUTE, INTS_ATTRIBUTE = 1, 2, 7


def varint(value: int) -> bytes:
    value &= (1 << 64) - 1
    out = bytearray()
    while value > 127:
        out.append(value & 127 | 128)
        value >>= 7
    return bytes([*out, value])


def number(field: int, value: int) -> bytes:
    return varint(field << 3) + varint(value)


def block(field: int, content: bytes | str) -> bytes:
    content = content.encode() if isinstance(content, str) else content
    return varint(field << 3 | 2) + varint(len(content)) + content


def attribute(name: str, value: int | list[int]) -> bytes:
    if isinstance(value, int):
        return block(1, name) + number(3, value) + number(20, INT_ATTRIBUTE)
    return block(1, name) + b"".join(number(8, item) for item in value) + number(20, INTS_ATTRIBUTE)


def node(kind: str, inputs: list[str], output: str, **attributes) -> bytes:
    return (b"".join(block(1, name) for name in inputs) + block(2, output) + block(4, kind)
            + b"".join(block(5, attribute(name, value)) for name, value in attributes.items()))


def value_info(name: str, shape: list[int | str]) -> bytes:
    dims = b"".join(block(1, block(2, side) if isinstance(side, str) else number(1, side)) for side in shape)
    return block(1, name) + block(2, block(1, number(1, FLOAT) + block(2, dims)))


def model(nodes: list[bytes], in_shape: list[int | str], out_shape: list[int | str]) -> bytes:
    return many_outputs(nodes, in_shape, {"y": out_shape})


def many_outputs(nodes: list[bytes], in_shape: list[int | str], outputs: dict[str, list[int | str]]) -> bytes:
    graph = (b"".join(block(1, each) for each in nodes) + block(2, "tiny") + block(11, value_info("x", in_shape))
             + b"".join(block(12, value_info(name, shape)) for name, shape in outputs.items()))
    return number(1, 8) + block(7, graph) + block(8, block(1, "") + number(2, 13))


def scrfd(side: int | str, landmarks: bool = True, kind: str = "ReduceMean") -> bytes:
    """An SCRFD that finds no face: the outputs of its three strides are zeros. side: of its input, a name for a free one."""
    nodes, outputs = [], {}
    for width in (1, 4, 10) if landmarks else (1, 4):
        for stride in (8, 16, 32):
            end = f"{stride}_{width}"
            nodes += [node("MaxPool", ["x"], f"pool{end}", kernel_shape=[stride, stride], strides=[stride, stride]),
                      node(kind, [f"pool{end}"], f"mean{end}", axes=[1], keepdims=1),
                      node("Sub", [f"mean{end}", f"mean{end}"], f"zero{end}"),
                      node("Flatten", [f"zero{end}"], f"row{end}", axis=0),
                      node("Transpose", [f"row{end}"], f"column{end}", perm=[1, 0]),
                      node("Concat", [f"column{end}"] * width, f"anchor{end}", axis=1),
                      node("Concat", [f"anchor{end}"] * 2, end, axis=0)]
            outputs[end] = [f"anchors{stride}", width]
    return many_outputs(nodes, [1, 3, side, side], outputs)


def arcface(kind: str) -> bytes:
    """A face recogniser by its shapes. kind: Add or Sub, two recognisers with other embeddings."""
    nodes = [node(kind, ["x", "x"], "two"), node("ReduceMean", ["two"], "mean", axes=[1], keepdims=1),
             node("MaxPool", ["mean"], "pool", kernel_shape=[7, 14], strides=[7, 14]),
             node("Concat", ["pool"] * 4, "all", axis=1), node("Flatten", ["all"], "y", axis=1)]
    return model(nodes, [1, 3, 112, 112], [1, 512])


def mean_of_channels(side: int | str, channels: int = 3) -> bytes:
    """y = mean of the normalised channels, [1, 1, side, side]: rembg stretches it to 0..1, so the matte is the brightness."""
    return model([node("ReduceMean", ["x"], "y", axes=[1], keepdims=1)], [1, channels, side, side], [1, 1, side, side])


def slow(side: int, rounds: int, at_once: int = 8) -> bytes:
    """As mean_of_channels, after `rounds` products of [3, side, side] matrices that change nothing: a run of seconds.

    `at_once` of them are one node, because onnxruntime takes a second to load thousands of nodes.
    """
    nodes, last = [node("Concat", ["x"] * at_once, "copies", axis=1)], "copies"
    for number in range(rounds // at_once):
        nodes += [node("MatMul", [last, last], f"p{number}"), node("Tanh", [f"p{number}"], f"t{number}")]
        last = f"t{number}"
    nodes += [node("ReduceMean", [last], "m", axes=[1], keepdims=1), node("Sub", ["m", "m"], "zero"),
              node("Add", ["x", "zero"], "same")]
    return model([*nodes, node("ReduceMean", ["same"], "y", axes=[1], keepdims=1)], [1, 3, side, side], [1, 1, side, side])


def constant(side: int) -> bytes:
    """y = x - x of the first channels' mean: the same everywhere, as a model that sees nothing."""
    nodes = [node("ReduceMean", ["x"], "m", axes=[1], keepdims=1), node("Sub", ["m", "m"], "y")]
    return model(nodes, [1, 3, side, side], [1, 1, side, side])
