"""Sizes of what a graph computes, for one image: the batch is followed through the graph, and not guessed.

Where any number of images will do, torch.export carries the batch as a symbol, and the sizes of one image are those
with 1 in its place: 5*B frames are 5, and what forward makes itself has no B in its sizes.

Where forward fixes the number of images N, there is no symbol. The graph is run with NaN for the first image, and again
with NaN for the last: what an image reaches is NaN, and the dimension in which the two lie apart, each in its own N-th,
is that of the batch. A tensor that no input reaches has none.
"""

import math
from collections.abc import Iterator, Sequence
from typing import Any

import torch
from torch import Tensor
from torch.fx import GraphModule, Interpreter, Node

__all__ = ["ImageSizes"]

Sizes = tuple[int, ...]


class ImageSizes:
    """The sizes of one image of a graph's values.

    Args:
        graph: the exported graph.
        inputs: what it was traced with; with N images where these are fixed.
        fixed_batch: N, the first size of the inputs that have a batch; None where any number of images will do.
    """

    def __init__(self, graph: GraphModule, inputs: Sequence[Tensor], fixed_batch: int | None) -> None:
        self._batch = fixed_batch or 1
        self._symbols = _batch_symbols(graph) if fixed_batch is None else frozenset()
        self.example_sized: list[str] = []
        """Nodes with a size that follows from the example's values."""
        self.untold: list[str] = []
        """Nodes whose batch dimension could not be told, and was taken to be the first that N divides."""
        self._found: dict[Node, tuple[Sizes, ...]] = {}
        self._dimensions: dict[Node, int | None] = {}
        self._measured: dict[str, list[Sizes]] | None = None
        self._reached: tuple[_Reached, _Reached] | None = None
        one = [tensor[:1] if fixed_batch is None and tensor.ndim else tensor for tensor in inputs]
        if any(self._symbolic(size) is None for node in graph.graph.nodes for part in parts_of(node) for size in part):
            self._measured = _Measured(graph).sizes_of(one)
        if self._batch > 1:
            ends = (0, self._batch - 1)
            self._reached = tuple(_Reached(graph, inputs, self._batch, image) for image in ends)  # type: ignore[assignment]
        for node in graph.graph.nodes:
            self._found[node] = tuple(self._sizes(node))

    def of(self, node: Node) -> tuple[Sizes, ...]:
        """The size of every tensor that a node computes; none where it computes no tensor."""
        return self._found[node]

    def elements(self, node: Node) -> int:
        """Values in all tensors that a node computes."""
        return sum(math.prod(sizes) for sizes in self._found[node])

    def number(self, node: Node) -> Any:
        """The value of a node that computes a number of sizes, for one image; of any other, that as traced."""
        value = node.meta.get("val")
        return self._symbolic(value) if isinstance(value, torch.SymInt) else value

    def _sizes(self, node: Node) -> Iterator[Sizes]:
        for place, part in enumerate(parts_of(node)):
            sizes = [self._symbolic(size) for size in part]
            if None in sizes and self._measured is not None:
                sizes = list(self._measured[node.name][place])
                self.example_sized.append(node.name)
            known = [size or 0 for size in sizes]
            dimension = self._batch_dimension(node, place, known) if self._batch > 1 else None
            if dimension is not None:
                known[dimension] //= self._batch
            yield tuple(known)

    def _symbolic(self, size: Any) -> int | None:
        """A size with one image; None where it depends on values."""
        if not isinstance(size, torch.SymInt):
            return int(size)
        value = size.node.expr.subs(dict.fromkeys(self._symbols, 1))
        return int(value) if value.is_Integer else None

    def _batch_dimension(self, node: Node, place: int, sizes: list[int]) -> int | None:
        """The dimension of a value that holds the N images; None where there is none."""
        assert self._reached is not None  # noqa: S101
        first, last = (run.touched.get((node.name, place)) for run in self._reached)
        sources = node.all_input_nodes
        depends = node.op == "placeholder" or any(source in self._dimensions for source in sources)
        found: int | None = None
        if node.op == "placeholder":
            found = 0 if sizes[:1] == [self._batch] else None
        elif first and last:
            apart = [d for d in range(len(sizes)) if _apart(first[d], last[d], self._batch)]
            found = apart[0] if len(apart) == 1 else self._guess(node, sizes)
        elif depends:
            same = [self._dimensions[source] for source in sources if self._alike(source, sizes)]
            found = same[0] if same else self._guess(node, sizes)
        if depends:
            self._dimensions.setdefault(node, found)
        return found

    def _alike(self, source: Node, sizes: list[int]) -> bool:
        """Whether a value that depends on the images has these sizes too."""
        own = [list(part) for part in parts_of(source)]
        return source in self._dimensions and len(own) == 1 and own[0] == sizes

    def _guess(self, node: Node, sizes: list[int]) -> int | None:
        divided = [place for place, size in enumerate(sizes) if size and size % self._batch == 0]
        if divided:
            self.untold.append(node.name)
        return divided[0] if divided else None


def parts_of(node: Node) -> list[Sequence[Any]]:
    """The sizes of the tensors that a node computes, as they were traced."""
    value = node.meta.get("val")
    parts = value if isinstance(value, (tuple, list)) else [value]
    return [part.shape for part in parts if isinstance(part, Tensor)]


def _batch_symbols(graph: GraphModule) -> frozenset[Any]:
    """The symbols in the sizes of the inputs."""
    inputs = [node for node in graph.graph.nodes if node.op == "placeholder"]
    sizes = [size for node in inputs for part in parts_of(node) for size in part if isinstance(size, torch.SymInt)]
    return frozenset(symbol for size in sizes for symbol in size.node.expr.free_symbols)


def _apart(first: Tensor, last: Tensor, batch: int) -> bool:
    """Whether the places of the first image and of the last along a dimension lie each in an N-th of its own: images
    one after another, or in turn."""
    if len(first) % batch:
        return False
    blocks, turns = (torch.arange(len(first)) // (len(first) // batch), torch.arange(len(first)) % batch)
    return any(
        bool((places[first] == 0).all()) and bool((places[last] == batch - 1).all()) for places in (blocks, turns)
    )


class _Measured(Interpreter):
    """Runs a graph for the sizes of its values."""

    def __init__(self, graph: GraphModule) -> None:
        super().__init__(graph)
        self._sizes: dict[str, list[Sizes]] = {}

    def sizes_of(self, inputs: Sequence[Tensor]) -> dict[str, list[Sizes]]:
        """By node name the size of every tensor that it computes."""
        with torch.inference_mode():
            self.run(*inputs)
        return self._sizes

    def run_node(self, n: Node) -> Any:
        """The node's value."""
        value = super().run_node(n)
        self._sizes[n.name] = [tuple(part.shape) for part in _tensors(value)]
        return value


class _Reached(Interpreter):
    """Runs a graph with NaN for one image, and keeps what that reaches.

    ``touched``: by node name and place among its tensors, for every dimension which indices are reached.
    """

    def __init__(self, graph: GraphModule, inputs: Sequence[Tensor], batch: int, image: int) -> None:
        super().__init__(graph)
        self.touched: dict[tuple[str, int], list[Tensor]] = {}
        with torch.inference_mode():
            self.run(*(_with_nan(tensor, batch, image) for tensor in inputs))

    def run_node(self, n: Node) -> Any:
        """The node's value."""
        value = super().run_node(n)
        for place, part in enumerate(_tensors(value)):
            if part.is_floating_point() and bool((reached := part.isnan()).any()):
                others = (tuple(d for d in range(part.ndim) if d != kept) for kept in range(part.ndim))
                self.touched[n.name, place] = [reached.any(dim=one) if one else reached for one in others]
        return value


def _with_nan(tensor: Tensor, batch: int, image: int) -> Tensor:
    if not tensor.is_floating_point() or not tensor.ndim or len(tensor) != batch:
        return tensor
    changed = tensor.clone()
    changed[image] = math.nan
    return changed


def _tensors(value: Any) -> list[Tensor]:
    parts = value if isinstance(value, (tuple, list)) else [value]
    return [part for part in parts if isinstance(part, Tensor)]
