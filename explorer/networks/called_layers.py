"""The layers of a graph, from their calls: the weight is stored once, and what a call adds belongs to the call."""

from dataclasses import replace

from torch.fx import Node

from costmodels.layer_spec import LayerCall, LayerSpec
from costmodels.printable import printable
from explorer.networks.layer_nodes import (
    arguments,
    folded_normalization,
    layer_shape,
    normalization_name,
    spread_steps,
    value_name,
)
from explorer.networks.sizes import ImageSizes
from explorer.system.errors import NetworkError

__all__ = ["CalledLayers"]


class CalledLayers:
    """Gathers the calls of layers while a graph is read.

    Args:
        sizes: of the graph.
    """

    def __init__(self, sizes: ImageSizes) -> None:
        self._sizes = sizes
        self.by_node: dict[str, LayerCall] = {}
        """Calls by the name of their node."""
        self._weights: dict[str, str] = {}
        self._calls: dict[str, list[LayerCall]] = {}
        self._folded: set[Node] = set()

    @property
    def specs(self) -> tuple[LayerSpec, ...]:
        """The layers in the order of their first calls."""
        return tuple(self._spec(name) for name in self._calls)

    def folds(self, normalization: Node) -> bool:
        """Whether a batch normalization folds into a call that was read."""
        return normalization in self._folded

    def read(self, node: Node, weight: Node) -> str:
        """Notes a call; the layer's name.

        Args:
            node: one that `explorer.networks.layer_nodes.is_layer` accepts.
            weight: its weight, a parameter.

        Raises:
            NetworkError: the input of a convolution has no batch dimension, or the calls differ in their groups.
        """
        given, parameter = arguments(node), str(weight.target)
        values = [self._sizes.of(step)[0] for step in spread_steps(node)[:1]]
        shape, runs = layer_shape(node, self._sizes.of(given["input"])[0], self._sizes.of(weight)[0], *values)
        name = printable(parameter.removesuffix(".weight"))
        calls = self._calls.setdefault(name, [])
        if calls and calls[0].shape.groups != shape.groups:
            found = f"{name} is called as {calls[0].shape} and as {shape}"
            raise NetworkError("all calls of a layer have the same groups", found, "use two layers")
        self._weights[name] = parameter
        normalization = folded_normalization(node)
        if normalization is not None:
            self._folded.add(normalization)
        self.by_node[node.name] = LayerCall(
            shape,
            runs,
            "" if given["bias"] is None else value_name(given["bias"]),
            "" if normalization is None else normalization_name(normalization),
        )
        calls.append(self.by_node[node.name])
        return name

    def _spec(self, name: str) -> LayerSpec:
        """A layer; its calls are listed where they differ."""
        merged: dict[LayerCall, int] = {}
        for call in self._calls[name]:
            alike = replace(call, runs=0)
            merged[alike] = merged.get(alike, 0) + call.runs
        calls = tuple(replace(alike, runs=runs) for alike, runs in merged.items())
        first = calls[0].shape
        return LayerSpec(
            name,
            first,
            self._weights[name],
            bias=any(call.bias for call in calls),
            normalization=any(call.normalization for call in calls),
            calls=sum(call.runs for call in calls if call.shape == first),
            variants=calls if len(calls) > 1 else (),
        )
