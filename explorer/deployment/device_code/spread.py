"""Which nodes of a packed network's graph put zeros between the values of a transposed convolution's input."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from torch import nn
from torch.fx import Node

from explorer.deployment.packed.step import PackedStep
from explorer.networks.layer_nodes import arguments, operation_name, pads_zeros

__all__ = ["Spread", "spread_inputs"]


@dataclass(frozen=True)
class Spread:
    """The input of a transposed convolution.

    Args:
        source: the node of the values.
        steps: that put zeros between and around them, which C does while it reads.
        stride: from one value to the next, by rows and columns.
        lead: what lies before the first value, likewise; less than nothing where values are cut off.
    """

    source: Node
    steps: tuple[Node, ...]
    stride: tuple[int, int]
    lead: tuple[int, int]

    @property
    def is_plain(self) -> bool:
        """Whether there are no zeros but around the values, as of any convolution."""
        return self.stride == (1, 1) and min(self.lead) >= 0


def spread_inputs(module: nn.Module, nodes: Iterable[Node]) -> Mapping[Node, Spread]:
    """By the node of a layer, what its input is made of; of transposed convolutions alone.

    Args:
        module: whose layers are `PackedStep`.
        nodes: of its graph; those that put zeros between values are as `explorer.networks.transposed` makes them.
    """
    found = {}
    for node in nodes:
        step = module.get_submodule(str(node.target)) if node.op == "call_module" else None
        if isinstance(step, PackedStep) and step.shape.input_values is not None:
            spread = _spread(node)
            if spread is not None:
                found[node] = spread
    return found


def _spread(node: Node) -> Spread | None:
    """The input of a layer; none where its steps are others, or are read by more than the next."""
    (outer,) = node.all_input_nodes
    steps = [outer]
    while operation_name(steps[0]) == "flatten" or steps[0] is outer:
        steps.insert(0, steps[0].all_input_nodes[0])
    between, dimensions = steps[0], len(steps) - 2
    for _ in range(dimensions):
        steps.insert(0, steps[0].all_input_nodes[0])
    is_read_alone = all(len(step.users) == 1 for step in steps)
    are_unsqueezed = all(operation_name(step) == "unsqueeze" for step in steps[:dimensions])
    if not (dimensions and is_read_alone and are_unsqueezed and pads_zeros(between) and pads_zeros(outer)):
        return None
    # torch has the last dimension first; between values, those of every second dimension lie behind it.
    strides = [pad + 1 for pad in list(arguments(between)["pad"])[1::4]][::-1]
    leads = list(arguments(outer)["pad"])[::2][::-1]
    rows = (1, 0) if dimensions == 1 else (strides[0], leads[0])
    return Spread(steps[0].all_input_nodes[0], tuple(steps), (rows[0], strides[-1]), (rows[1], leads[-1]))
