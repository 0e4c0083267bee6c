"""Integers that a converted graph computes of shapes alone, as numbers: torch.export cannot follow them as tensors."""

import operator
from collections.abc import Callable, Mapping
from typing import Any

import torch
from torch import Tensor
from torch.fx import GraphModule, Interpreter, Node

__all__ = ["with_known_sizes"]

MOST_VALUES = 64
"""Of a tensor of sizes, indices or limits."""

_OF_SHAPES = ("Shape", "Size")
_OF_SYMBOLS = ("Reshape", "Expand")
"""Operations that take sizes as numbers, some of which may be the batch's."""

_OF_NUMBERS = ("Clip", "Pad", "Resize", "Slice", "Split", "Squeeze", "Tile", "TopK", "Unsqueeze", "Upsample")
"""Operations whose further inputs are limits, scales, sizes, places or axes, as those of reductions are."""


def with_known_sizes(graph: GraphModule, runs: list[tuple[Tensor, ...]], frees: bool = False) -> None:
    """Puts numbers in the place of small tensors of integers, in place of a graph's own steps that compute them.

    Args:
        graph: from onnx2fx; is changed.
        runs: inputs of one number of images, and where that is free those of another. What differs between them as the
            numbers of images do is the batch's size times a factor.
        frees: whether the first size of a reshaped tensor that is the number of images stands for any number of them.
    """
    seen, images = [_values(graph, inputs) for inputs in runs], [len(inputs[0]) for inputs in runs]
    known, batch = _known(graph), _Batch(graph)
    for node in list(graph.graph.nodes):
        if node.op != "call_function" or node in known:
            continue
        read = {**dict(enumerate(node.args)), **node.kwargs}
        values = {
            place: [one[argument] for one in seen]
            for place, argument in read.items()
            if place != 0 and argument in known and all(argument in one for one in seen)
        }
        folded = {place: _folded(node, batch, own, images) for place, own in values.items()}
        if frees and node.meta.get("onnx_op_type") == "Reshape" and folded.get(1) and folded[1][0] == images[0]:
            folded[1][0] = batch.times(1, node)
        _fold(node, folded)
    graph.graph.eliminate_dead_code()
    graph.recompile()


def _values(graph: GraphModule, inputs: tuple[Tensor, ...]) -> dict[Node, Tensor]:
    """Small tensors that nodes give for these inputs."""
    found: dict[Node, Tensor] = {}

    class Seeing(Interpreter):
        def run_node(self, n: Node) -> Any:
            value = super().run_node(n)
            if isinstance(value, Tensor) and value.numel() <= MOST_VALUES:
                found[n] = value
            return value

    with torch.no_grad():
        Seeing(graph).run(*inputs)
    return found


def _known(graph: GraphModule) -> set[Node]:
    """Nodes that depend on constants and shapes alone."""
    known: set[Node] = set()
    for node in graph.graph.nodes:
        is_made = node.op == "call_function" and all(one in known for one in node.all_input_nodes)
        if node.op == "get_attr" or is_made or node.meta.get("onnx_op_type") in _OF_SHAPES:
            known.add(node)
    return known


class _Batch:
    """The number of images as a node of the graph, made where it is asked for."""

    def __init__(self, graph: GraphModule) -> None:
        self._graph = graph.graph
        self._node: Node | None = None

    def times(self, factor: int, user: Node) -> Node:
        """The number of images times a factor, for a node that reads it."""
        if self._node is None:
            inputs = [node for node in self._graph.nodes if node.op == "placeholder"]
            with self._graph.inserting_after(inputs[-1]):
                self._node = self._graph.call_function(_images, (inputs[0],))
        if factor == 1:
            return self._node
        with self._graph.inserting_before(user):
            return self._graph.call_function(operator.mul, (self._node, factor))


def _images(inputs: Tensor) -> int:
    return inputs.shape[0]


def _folded(node: Node, batch: _Batch, values: list[Tensor], images: list[int]) -> Any:
    """What a node reads in the place of a tensor: numbers and multiples of the batch's size, or a tensor as it is."""
    kind, value = str(node.meta.get("onnx_op_type", "")), values[-1]
    if kind in _OF_SYMBOLS and value.ndim == 1:
        return [_size(node, batch, own, images) for own in zip(*(one.tolist() for one in values), strict=True)]
    if kind in _OF_NUMBERS or kind.startswith("Reduce"):
        return value.tolist()
    return value if not value.is_floating_point() else None


def _size(node: Node, batch: _Batch, own: tuple[int, ...], images: list[int]) -> Any:
    factor = own[-1] // images[-1]
    is_batch = len(own) > 1 and own[0] != own[-1]
    if is_batch and all(size == factor * count for size, count in zip(own, images, strict=True)):
        return batch.times(factor, node)
    return int(own[-1])


def _fold(node: Node, folded: Mapping[Any, Any]) -> None:
    """Puts what is known into a node's arguments, by place or name; tensors are made again where the graph runs."""
    found = {place: value for place, value in folded.items() if value is not None}
    arguments, named = list(node.args), dict(node.kwargs)
    literals: dict[int, tuple[Any, torch.dtype]] = {}
    for place, value in found.items():
        if isinstance(place, str):
            named[place] = named[place] if isinstance(value, Tensor) else value
        elif isinstance(value, Tensor):
            arguments[place], literals[place] = None, (value.tolist(), value.dtype)
        else:
            arguments[place] = value
    node.args, node.kwargs = tuple(arguments), named
    if literals:
        assert callable(node.target)  # noqa: S101
        node.target = _filled(node.target, literals)


def _filled(function: Callable[..., Any], literals: Mapping[int, tuple[Any, torch.dtype]]) -> Callable[..., Any]:
    """A function some of whose arguments are constants."""

    def filled(*arguments: Any, **named: Any) -> Any:
        made = list(arguments)
        for place, (values, kind) in literals.items():
            made[place] = torch.tensor(values, dtype=kind)
        return function(*made, **named)

    return filled
