"""What a graph reads of parameters and buffers but for the weights of layers: stored numbers, each counted once."""

from collections.abc import Iterable, Iterator
from dataclasses import replace

import torch
from torch.fx import Node

from costmodels.operation import ConstantSpec
from costmodels.printable import printable

__all__ = ["StoredValues"]

_FLOAT_BITS = 32


class StoredValues:
    """The constants of a network, gathered while its graph is read.

    A value that depends on parameters and buffers alone is known before inference; what is stored are these parameters
    and buffers, as a packed network has them.
    """

    def __init__(self) -> None:
        self._known: set[Node] = set()
        self._constants: dict[str, ConstantSpec] = {}

    @property
    def constants(self) -> tuple[ConstantSpec, ...]:
        """What was counted, in the order of reading."""
        return tuple(self._constants.values())

    def is_known(self, node: Node) -> bool:
        """Whether the value of a node is known before inference."""
        return node in self._known

    def learn(self, node: Node) -> None:
        """Notes that it is."""
        self._known.add(node)

    def known(self, nodes: Iterable[Node]) -> list[Node]:
        """Those of the nodes whose values are known before inference."""
        return [node for node in nodes if node in self._known]

    def count(self, nodes: Iterable[Node], is_weight: bool = False) -> tuple[str, ...]:
        """Counts what the values of these nodes are made of; their names.

        Args:
            nodes: whose values are known before inference.
            is_weight: whether they are weights of a convolution or linear layer.
        """
        names = []
        for node in nodes:
            for source in _stored_sources(node):
                value = source.meta["val"]
                name = printable(str(source.target))
                self._add(ConstantSpec(name, value.numel(), _bits(value.dtype), is_weight))
                names.append(name)
        return tuple(dict.fromkeys(names))

    def count_scale_and_shift(self, normalization: str, channels: int) -> None:
        """Counts a scale and a shift for each channel of a batch normalization of that name, once for all its calls."""
        for part in ("scale", "shift"):
            self._add(ConstantSpec(printable(f"{normalization}.{part}"), channels))

    def _add(self, constant: ConstantSpec) -> None:
        known = self._constants.get(constant.name, constant)
        self._constants[constant.name] = replace(known, is_weight=known.is_weight or constant.is_weight)


def _stored_sources(node: Node) -> Iterator[Node]:
    """The parameters and buffers that a known value is made of, each once."""
    waiting, seen = [node], {node}
    while waiting:
        one = waiting.pop()
        if one.op == "get_attr":
            yield one
        fresh = [source for source in one.all_input_nodes if source not in seen]
        seen.update(fresh)
        waiting += fresh


def _bits(dtype: torch.dtype) -> int:
    """Of a stored value: a number is stored as a float of 32 bits, integers and truth values in their own width."""
    return _FLOAT_BITS if dtype.is_floating_point else 8 * dtype.itemsize
