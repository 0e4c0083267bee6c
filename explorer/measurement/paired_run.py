"""A network run twice at once, node by node: as it is, and with the layers before the node compressed."""

from collections.abc import Callable, Mapping
from typing import Any, final

from torch import Tensor
from torch.fx import Interpreter, Node
from torch.nn import functional

from explorer.measurement.activation_ranges import ActivationRanges, fake_quantize
from explorer.measurement.batch_statistics import is_normalization
from explorer.measurement.layer_calls import LayerCall
from explorer.measurement.rounded_nodes import rounded_nodes
from explorer.networks.layer_nodes import arguments, operation_name, weight_of
from explorer.networks.trace import TracedNetwork

__all__ = ["PairedRun"]

Replaced = Mapping[str, Tensor]
"""By the name of a parameter, what the compressed network computes with from here on."""


@final
class PairedRun(Interpreter):
    """Runs a network on images, and beside it the network as far as it is compressed, activations rounded.

    Args:
        traced: the network, with its own weights.
        ranges: of rounded activations.
        reestimates: whether batch normalizations of the compressed network take the statistics of the images.
        compress: told of each call of a layer in both networks, before it is run in the compressed one; gives the
            parameters that take the place of its own.
    """

    def __init__(
        self,
        traced: TracedNetwork,
        ranges: ActivationRanges,
        reestimates: bool,
        compress: Callable[[LayerCall, LayerCall], Replaced],
    ) -> None:
        super().__init__(traced.graph)
        self._layers = {layer.weight: layer for layer in traced.spec.layers}
        self._ranges, self._tensors = ranges, rounded_nodes(traced)
        self._reestimates, self._compress = reestimates, compress
        self._replaced: dict[str, Tensor] = {}
        self._own: dict[Node, Any] = {}

    def fetch_attr(self, target: str) -> Any:
        """What was put in the parameter's place, else the graph's own."""
        return self._replaced.get(target, super().fetch_attr(target))

    def run_node(self, n: Node) -> Any:
        """The node's value in the compressed network; that in the network as it is goes beside it."""
        if n.op in ("placeholder", "get_attr"):
            value = super().run_node(n)
            self._own[n] = super().fetch_attr(str(n.target)) if n.op == "get_attr" else value.clone()
        elif n.op == "output":
            return None
        else:
            self._own[n] = self._run_own(n)
            self._visit(n)
            value = self._normalized(n) if self._reestimates and is_normalization(n) else super().run_node(n)
        for last in self.user_to_last_uses.get(n, ()):
            del self._own[last]
        return self._rounded(n, value)

    def _run_own(self, node: Node) -> Any:
        compressed, self.env = self.env, self._own
        try:
            return super().run_node(node)
        finally:
            self.env = compressed

    def _visit(self, node: Node) -> None:
        """Lets a call of a layer be compressed."""
        weight = weight_of(node)
        layer = self._layers.get(str(weight.target)) if weight is not None else None
        if layer is None:
            return
        read, is_linear = arguments(node)["input"], operation_name(node) == "linear"
        own, compressed = (
            LayerCall(layer.name, layer.shape, values[read], self._own[node], is_linear)
            for values in (self._own, self.env)
        )
        self._replaced.update(self._compress(own, compressed))
        for parameter in (weight, arguments(node)["bias"]):
            if isinstance(parameter, Node) and parameter.op == "get_attr":
                self.env[parameter] = self.fetch_attr(str(parameter.target))

    def _normalized(self, node: Node) -> Tensor:
        """A batch normalization by the statistics of the images."""
        given = {name: self.env[value] if isinstance(value, Node) else value for name, value in arguments(node).items()}
        factors = given["weight"], given["bias"]
        return functional.batch_norm(given["input"], None, None, *factors, training=True, eps=given["eps"])

    def _rounded(self, node: Node, value: Any) -> Any:
        found = self._ranges.by_tensor.get(self._tensors.get(node.name, ""))
        if found is None or not isinstance(value, Tensor):
            return value
        bits = self._ranges.bits
        return fake_quantize(value, found.scale(bits), found.zero_point(bits), bits)
