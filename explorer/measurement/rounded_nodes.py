"""Which activations of a network are rounded.

What is rounded: the network's input and every activation that is written to memory. A convolution, the batch
normalization that folds into it and the activation function after it are one step with a wide accumulator, rounded
once at its end. Views and steps that only move or choose values (max pooling, slices) keep their input's levels. The
output of the network stays in the accumulator, unrounded.
"""

from torch.fx import Node

from explorer.networks.layer_nodes import operation_name, pads_zeros
from explorer.networks.operations import VIEW, rule_of
from explorer.networks.trace import TracedNetwork

__all__ = ["keeps_levels", "rounded_nodes"]

_KEEPS_LEVELS = frozenset(
    {"max_pool1d", "max_pool2d", "max_pool2d_with_indices", "adaptive_max_pool1d", "adaptive_max_pool2d", "amax", "max"}
    | {"slice", "select", "narrow", "permute", "transpose", "t", "movedim", "swapaxes", "flip", "roll", "clone"}
    | {"repeat", "repeat_interleave", "pixel_shuffle", "pixel_unshuffle", "channel_shuffle"}
)
"""Operations of one tensor whose output holds values of it and nothing else."""


def keeps_levels(node: Node) -> bool:
    """Whether a node's values are values of its input, unchanged, or 0: they are on the levels that the input is on."""
    kind = operation_name(node)
    return kind in _KEEPS_LEVELS or rule_of(kind).effect == VIEW or pads_zeros(node)


def rounded_nodes(traced: TracedNetwork) -> dict[str, str]:
    """Node name -> tensor name of what is rounded."""
    kinds = {operation.output: operation.kind for operation in traced.spec.operations}
    last = _output_nodes(traced)
    return {
        node: tensor
        for node, tensor in traced.values.items()
        if node not in last and kinds.get(tensor) not in _KEEPS_LEVELS
    }


def _output_nodes(traced: TracedNetwork) -> set[str]:
    """Names of the nodes that the network returns, and of those that it returns a view of."""
    (output,) = (node for node in traced.graph.graph.nodes if node.op == "output")
    found: set[str] = set()
    for node in output.all_input_nodes:
        while node.name not in traced.values and len(node.all_input_nodes) == 1:
            (node,) = node.all_input_nodes
        found.add(node.name)
    return found
