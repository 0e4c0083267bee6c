"""An ONNX file as onnx reads it: bounded, whole, its data in its own folder, and with constants evaluated."""

import math
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from explorer.system.errors import NetworkError

__all__ = ["MOST_BYTES", "read_onnx"]

MOST_BYTES = 2**31 - 1
"""Of a file, and of all data outside of it; protobuf takes no more."""

MOST_FOLDED = 2**26
"""Values of a constant that is evaluated."""

Model = Any
"""An ``onnx.ModelProto``."""


def read_onnx(path: Path) -> tuple[Model, bytes]:
    """The model of a file, functions put in place and what depends on constants alone evaluated, and the whole file as
    it is, its data with it.

    The format holds no code. Data that lie in other files are read from the model's own folder and from nowhere else.

    Args:
        path: of the file.

    Raises:
        NetworkError: there is no such file, it is too large, no whole model, or its data lie elsewhere.
    """
    import onnx
    from google.protobuf.message import DecodeError
    from onnx.inliner import inline_local_functions

    if not path.is_file():
        raise NetworkError("the ONNX file exists", str(path), "check the path")
    if (size := path.stat().st_size) > MOST_BYTES:
        raise NetworkError(f"an ONNX file has at most {MOST_BYTES:,} bytes", f"{size:,} in {path}", "split it")
    try:
        model = onnx.load(str(path), load_external_data=False)
        _read_data(model, path)
        onnx.checker.check_model(model)
        content = model.SerializeToString()
        model = inline_local_functions(model)
    except (DecodeError, onnx.checker.ValidationError, ValueError, TypeError, OSError) as error:
        said = next((line.strip() for line in str(error).splitlines() if line.strip()), type(error).__name__)
        raise NetworkError(f"{path.name} is a whole ONNX model", said, "export it again") from error
    if not model.graph.node:
        raise NetworkError(f"{path.name} is a whole ONNX model", "no operation in it", "export it again")
    _fold(model.graph, model.opset_import)
    return model, content


def _read_data(model: Model, path: Path) -> None:
    """Reads data that lie beside the file.

    Raises:
        NetworkError: they lie elsewhere, or are too large.
    """
    from onnx.external_data_helper import ExternalDataInfo, load_external_data_for_model, uses_external_data

    folder, total = path.resolve().parent, 0
    for tensor in _tensors(model.graph):
        if not uses_external_data(tensor):
            continue
        location = ExternalDataInfo(tensor).location
        place = (folder / location).resolve()
        if not location or Path(location).is_absolute() or not place.is_relative_to(folder) or not place.is_file():
            rule = f"the data of {path.name} lie in files of its own folder"
            raise NetworkError(rule, f"{tensor.name} in {location or 'no file'}", "put them there, or export one file")
        total += math.prod(tensor.dims) * 8
        if total > 4 * MOST_BYTES:
            raise NetworkError("data of a network fit into memory", f"{total:,} bytes in {path.name}", "export less")
    load_external_data_for_model(model, str(folder))


def _tensors(graph: Any) -> Iterator[Any]:
    """All tensors that a graph stores, those of the graphs within it too."""
    yield from graph.initializer
    for node in graph.node:
        for attribute in node.attribute:
            if attribute.HasField("t"):
                yield attribute.t
            yield from attribute.tensors
            if attribute.HasField("g"):
                yield from _tensors(attribute.g)


def _fold(graph: Any, opsets: Any) -> None:
    """Makes initializers of the outputs of nodes that read nothing else, as of dequantized or transposed weights.

    They are evaluated by onnx's own reference, node by node; what it cannot evaluate stays.
    """
    from onnx import helper, numpy_helper
    from onnx.reference import ReferenceEvaluator

    known = {tensor.name: tensor for tensor in graph.initializer}
    for node in list(graph.node):
        is_constant = all(name in known for name in node.input if name) and node.op_type not in _DRAWN
        if not is_constant or any(attribute.HasField("g") for attribute in node.attribute):
            continue
        reads = [known[name] for name in dict.fromkeys(node.input) if name]
        if node.op_type in _GROWING and _most_values(reads) > MOST_FOLDED:
            continue
        alone = helper.make_graph([node], "constant", [], [helper.make_empty_tensor_value_info(n) for n in node.output])
        alone.initializer.extend(reads)
        try:
            versions = [helper.make_opsetid("", 21)] if node.op_type in _SINCE_19 else opsets
            made = ReferenceEvaluator(helper.make_model(alone, opset_imports=versions)).run(None, {})
            found = [numpy_helper.from_array(value, name) for value, name in zip(made, node.output, strict=True)]
        except Exception:  # noqa: S112  # of the reference: it is then left to the conversion
            continue
        if all(math.prod(tensor.dims) <= MOST_FOLDED for tensor in found):
            graph.initializer.extend(found)
            known |= {tensor.name: tensor for tensor in found}
            graph.node.remove(node)
    read = {name for node in graph.node for name in _read(node)} | {value.name for value in graph.output}
    kept = [tensor for tensor in graph.initializer if tensor.name in read]
    del graph.initializer[:]
    graph.initializer.extend(kept)


def _most_values(reads: list[Any]) -> int:
    """More values than what is made of these tensors can have: sizes multiply, and so do repetitions."""
    from onnx import numpy_helper

    small = [numpy_helper.to_array(tensor) for tensor in reads if math.prod(tensor.dims) <= MOST_SIZES]
    sizes = math.prod(max(abs(int(size)), 1) for part in small if part.dtype.kind == "i" for size in part.flat)
    return sizes * max((math.prod(tensor.dims) for tensor in reads), default=1)


def _read(node: Any) -> Iterator[str]:
    """What a node reads, graphs within it too."""
    yield from node.input
    for attribute in node.attribute:
        if attribute.HasField("g"):
            for inner in attribute.g.node:
                yield from _read(inner)


MOST_SIZES = 16
"""Values of a tensor that may be a shape."""

_GROWING = ("ConstantOfShape", "Expand", "Tile", "Range", "OneHot", "Pad", "Resize", "Upsample", "EyeLike")
"""Operations that make more values than they read; a small file could make them fill the memory."""

_SINCE_19 = ("DequantizeLinear", "QuantizeLinear")
"""What the reference has in its newer versions alone, which compute what the older ones do."""

_DRAWN = ("RandomNormal", "RandomUniform", "RandomNormalLike", "RandomUniformLike", "Bernoulli", "Multinomial")
