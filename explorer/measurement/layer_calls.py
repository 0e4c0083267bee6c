"""LayerCalls: a network's graph run with somebody watching what goes in and out of its layers."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, final

from torch import Tensor
from torch.fx import Interpreter, Node

from costmodels.shapes import ConvShape
from explorer.networks.layer_nodes import arguments, operation_name, weight_of
from explorer.networks.trace import TracedNetwork

__all__ = ["LayerCall", "LayerCalls"]


@dataclass(frozen=True, eq=False)
class LayerCall:
    """One call of a layer; a layer that the network runs at several places has several.

    Args:
        layer: its name.
        shape: of the layer.
        inputs: (N, c, h, w) or (N, c, h) of a convolution, (..., c) of a linear layer.
        outputs: what it computes of them.
        is_linear: whether the graph calls it as a linear layer.
    """

    layer: str
    shape: ConvShape
    inputs: Tensor
    outputs: Tensor
    is_linear: bool


@final
class LayerCalls(Interpreter):
    """Runs a network's graph and hands every call of a layer to a visitor, in order.

    Args:
        traced: the network; it is run by `run`, as any interpreter.
        visit: gives what the rest of the network reads in place of the layer's outputs.
    """

    def __init__(self, traced: TracedNetwork, visit: Callable[[LayerCall], Tensor]) -> None:
        super().__init__(traced.graph)
        self._layers = {layer.weight: layer for layer in traced.spec.layers}
        self._visit = visit

    def run_node(self, n: Node) -> Any:
        """The node's value; what the visitor gives where the node is a layer."""
        value = super().run_node(n)
        weight = weight_of(n) if n.op == "call_function" else None
        layer = self._layers.get(str(weight.target)) if weight is not None else None
        if layer is None:
            return value
        inputs = self.env[arguments(n)["input"]]
        return self._visit(LayerCall(layer.name, layer.shape, inputs, value, operation_name(n) == "linear"))
