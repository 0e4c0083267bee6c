"""The graph of a packed file, made again from its nodes."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import replace
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn
from torch.fx import Graph, Node
from torch.fx.node import map_arg

from costmodels.bias_values import bias_values, codes_of_bytes
from costmodels.kernels.packing import PackedLayer
from costmodels.shapes import ConvShape
from explorer.deployment.packed.bounded_run import sizes_only
from explorer.deployment.packed.graph_json import ARITHMETIC, decode, node_at, operation_of
from explorer.deployment.packed.manifest import shape_of
from explorer.deployment.packed.network import levels_of_node
from explorer.deployment.packed.step import Affine, PackedStep
from explorer.measurement.activation_ranges import fake_quantize
from explorer.system.errors import PackedFileError

__all__ = ["StoredGraph"]

_AGAIN = "export it again"
_KINDS = ("input", "layer", "linear", "round", "constant", "aten", "python", "output")


class StoredGraph(nn.Module):
    """A graph that runs, from nodes as plain data. It is run node by node: no code is made of it.

    Args:
        nodes: as in `explorer.deployment.packed.graph_json`.
        layers: by name.
        executions: of the layers, by name.
        tensor: the tensor of a name; it raises PackedFileError where there is none.
        threads: that compute the output of a layer for one image.
        floats: whether activations stay as they are.

    Raises:
        FilterfrontError: the nodes are none, or do not fit the layers.
    """

    def __init__(
        self,
        nodes: Sequence[Sequence[Any]],
        layers: Mapping[str, PackedLayer],
        executions: Mapping[str, str],
        tensor: Callable[[object], np.ndarray],
        threads: int = 1,
        floats: bool = False,
    ) -> None:
        super().__init__()
        self.graph = Graph()
        self._layers, self._executions, self._tensor = layers, executions, tensor
        self._threads, self._floats = threads, floats
        made: list[Node] = []
        for plain in nodes:
            kind, *rest = plain or ("nothing",)
            make = getattr(self, f"_make_{kind}", None) if kind in _KINDS else None
            if make is None or (made and made[-1].op == "output"):
                raise PackedFileError(f"a node is one of {', '.join(_KINDS)}, the output last", str(kind), _AGAIN)
            made.append(make(made, *rest))
        if not made or made[-1].op != "output":
            raise PackedFileError("a network ends with its output", "none", _AGAIN)
        self._plan = [(node, self._call_of(node), spent) for node, spent in _with_spent(self.graph)]
        del self._layers, self._executions, self._tensor

    @property
    def inputs(self) -> int:
        """How many inputs it takes."""
        return sum(node.op == "placeholder" for node in self.graph.nodes)

    def forward(self, *inputs: Tensor) -> Any:
        """The network's output: a tensor, or several in a tuple."""
        values: dict[Node, Any] = {}
        given = iter(inputs)
        for node, call, spent in self._plan:
            arguments = map_arg(node.args, values.__getitem__)
            named = {name: map_arg(value, values.__getitem__) for name, value in node.kwargs.items()}
            values[node] = next(given) if call is None else call(*arguments, **named)
            for one in spent:
                del values[one]
        return values.popitem()[1]

    def _call_of(self, node: Node) -> Callable[..., Any] | None:
        """What computes a node's value from its arguments; none for an input."""
        if node.op == "call_function":
            assert callable(node.target)  # noqa: S101
            return sizes_only(node.target) if node.target in ARITHMETIC else node.target
        if node.op == "get_attr":
            constant = self.get_buffer(str(node.target))
            return lambda: constant
        if node.op == "call_module":
            return self.get_submodule(str(node.target))
        return None if node.op == "placeholder" else lambda value: value

    def _make_input(self, nodes: list[Node]) -> Node:
        return self.graph.placeholder(f"input_{len(nodes)}")

    def _make_constant(self, nodes: list[Node], tensor: str) -> Node:
        name = f"constant_{len(nodes)}"
        self.register_buffer(name, torch.from_numpy(self._tensor(tensor).copy()))
        return self.graph.create_node("get_attr", name)

    def _make_layer(self, nodes: list[Node], layer: str, *given: Any) -> Node:
        return self._step(nodes, layer, *given, linear=False)

    def _make_linear(self, nodes: list[Node], layer: str, *given: Any) -> Node:
        return self._step(nodes, layer, *given, linear=True)

    def _step(
        self,
        nodes: list[Node],
        layer: str,
        source: int,
        shift: str | None,
        factor: str | None,
        shape: dict[str, Any] | None = None,
        *,
        linear: bool,
    ) -> Node:
        if layer not in self._layers:
            raise PackedFileError("the file has the layers that it runs", f"no {layer}", _AGAIN)
        packed, node, name = self._layers[layer], node_at(source, nodes), f"step_{len(nodes)}"
        if shape is not None:
            packed = _called_at(packed, shape_of(shape))
        outputs = packed.shape.out_channels
        affine = Affine(self._values(factor, np.ones(outputs)), self._shifts(shift, outputs))
        step = PackedStep(packed, levels_of_node(node), affine, self._executions[layer], self._threads, linear, layer)
        self.add_module(name, step)
        return self.graph.create_node("call_module", name, (node,))

    def _make_round(self, nodes: list[Node], source: int, scale: float, zero_point: int, bits: int) -> Node:
        whole = isinstance(zero_point, int) and isinstance(bits, int) and 1 <= bits <= 16
        if not whole or not isinstance(scale, float) or not 0 < scale < float("inf"):
            found = f"{bits} bits of scale {scale} from {zero_point}"
            raise PackedFileError("activations are rounded to levels of 1 to 16 bits", found, _AGAIN)
        node = node_at(source, nodes)
        return node if self._floats else self.graph.call_function(fake_quantize, (node, scale, zero_point, bits))

    def _make_aten(self, nodes: list[Node], operation: str, given: list[Any], named: dict[str, Any]) -> Node:
        return self._call("aten", nodes, operation, given, named)

    def _make_python(self, nodes: list[Node], operation: str, given: list[Any], named: dict[str, Any]) -> Node:
        return self._call("python", nodes, operation, given, named)

    def _make_output(self, nodes: list[Node], source: int, *more: int) -> Node:
        found = tuple(node_at(place, nodes) for place in (source, *more))
        made: Node = self.graph.output(found if more else found[0])
        return made

    def _call(self, kind: str, nodes: list[Node], operation: str, given: list[Any], named: dict[str, Any]) -> Node:
        keywords = {name: decode(value, nodes) for name, value in named.items()}
        return self.graph.call_function(operation_of(kind, operation), tuple(decode(given, nodes)), keywords)

    def _shifts(self, tensor: str | None, outputs: int) -> np.ndarray:
        """One float64 shift for each output channel: of floats, or of bytes with 16 bits a shift and an exponent."""
        stored = None if tensor is None else self._tensor(tensor)
        if stored is None or stored.dtype != np.uint8:
            return self._values(tensor, np.zeros(outputs))
        if stored.shape != (2 * outputs + 1,):
            raise PackedFileError(f"{tensor} has {2 * outputs + 1} bytes", f"{stored.shape}", _AGAIN)
        return bias_values(*codes_of_bytes(stored))

    def _values(self, tensor: str | None, missing: np.ndarray) -> np.ndarray:
        """One float64 value for each output channel."""
        if tensor is None:
            return missing
        values = self._tensor(tensor)
        if values.shape != missing.shape or values.dtype != np.float32:
            raise PackedFileError(f"{tensor} has {missing.size} floats", f"{values.dtype} {values.shape}", _AGAIN)
        return values.astype(np.float64)


def _called_at(packed: PackedLayer, shape: ConvShape) -> PackedLayer:
    """The layer in a call of another shape.

    Raises:
        PackedFileError: its weights are of another shape too.
    """
    if (shape.weight_shape, shape.groups) != (packed.shape.weight_shape, packed.shape.groups):
        raise PackedFileError(f"the weights of a layer are those of {packed.shape}", str(shape), _AGAIN)
    return replace(packed, shape=shape)


def _with_spent(graph: Graph) -> Iterator[tuple[Node, list[Node]]]:
    """Every node, and the nodes that nothing reads after it."""
    last = {source: node for node in graph.nodes for source in node.all_input_nodes}
    spent: dict[Node, list[Node]] = {}
    for source, node in last.items():
        spent.setdefault(node, []).append(source)
    for node in graph.nodes:
        yield node, spent.get(node, [])
