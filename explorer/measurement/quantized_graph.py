"""The graph of a network whose activations are rounded to their ranges."""

from collections.abc import Mapping
from typing import Any

from torch._ops import OpOverload
from torch.fx import GraphModule, Node, Proxy, Transformer

from explorer.measurement.activation_ranges import ActivationRange, ActivationRanges, fake_quantize
from explorer.measurement.rounded_nodes import rounded_nodes
from explorer.networks.trace import TracedNetwork

__all__ = ["quantized_graph"]

_NEW = frozenset({"conv1d", "conv2d", "conv3d", "linear", "batch_norm", "add", "relu", "hardtanh", "silu", "hardswish"})
"""Operations whose output is always new memory; their forms that work in place have other names, with a ``_``."""


def quantized_graph(traced: TracedNetwork, ranges: ActivationRanges) -> GraphModule:
    """A copy of the traced graph in which every activation of ``ranges`` is rounded.

    Nodes are copied; parameters are shared, as ``traced.graph`` holds them at the time of the call. Putting other
    parameters in place in one graph, as `load_weights` does, is not seen by the other; to run the copy with other
    weights use `torch.func.functional_call`. With 32 bits the copy computes what the original does.
    """
    ranges_by_node = {
        node: ranges.by_tensor[tensor] for node, tensor in rounded_nodes(traced).items() if tensor in ranges.by_tensor
    }
    return _Rounder(traced.graph, ranges_by_node, ranges.bits).transform()


class _Rounder(Transformer):
    """Rewrites a graph so that the readers of the named nodes read their rounded values."""

    def __init__(self, graph: GraphModule, ranges: Mapping[str, ActivationRange], bits: int) -> None:
        super().__init__(graph)
        self._ranges, self._bits = ranges, bits

    def run_node(self, n: Node) -> Any:
        """The node's copy, or what rounds it."""
        copied = super().run_node(n)
        if isinstance(copied, Proxy):
            copied.node.meta = dict(n.meta)
        if n.name not in self._ranges:
            return copied
        found = self._ranges[n.name]
        arguments = (copied, found.scale(self._bits), found.zero_point(self._bits), self._bits)
        in_place = {"in_place": True} if _has_memory_of_its_own(n) else {}
        return self.tracer.create_proxy("call_function", fake_quantize, arguments, in_place)


def _has_memory_of_its_own(node: Node) -> bool:
    """Whether a node's value is no other one's memory: all that read it read the rounded values."""
    target = node.target
    return isinstance(target, OpOverload) and target.namespace == "aten" and target._opname in _NEW
