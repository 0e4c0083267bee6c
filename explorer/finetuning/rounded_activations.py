"""RoundedActivations: a whole network's activations rounded in training as a search rounds them in measuring."""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import final

import torch
from torch import Tensor, nn

from explorer.data import Dataset
from explorer.finetuning.activations import ActivationQuantizer
from explorer.finetuning.forward_calls import followed
from explorer.measurement.activation_ranges import ActivationRanges, node_values
from explorer.measurement.quality_meter import QualityMeter
from explorer.measurement.rounded_nodes import rounded_nodes
from explorer.networks.trace import TracedNetwork
from explorer.system.errors import LayerError
from explorer.system.inputs import Batch, called, parts_of

__all__ = ["RoundedActivations"]

IMAGES = 4
TOLERANCE = 1e-3
"""Largest difference of an activation that one program computes and another, relative to its greatest value."""


@final
class RoundedActivations(nn.Module):
    """The rounding of a whole network's activations, put in place for as long as it is wanted.

    Which call of the forward pass gives which tensor of the traced graph is found by their values on some inputs: a
    step of a layer, of a function or of an operator alike.

    Args:
        traced: the network's graph.
        network: the network itself; left as it is.
        inputs: (N, ...), a few that are not all alike; by them calls and tensors are told apart.
        ranges: calibrated, by tensor name.
        learned: whether the scales are trained.

    Raises:
        LayerError: a tensor that is rounded is no call's result.
    """

    def __init__(
        self,
        traced: TracedNetwork,
        network: nn.Module,
        inputs: Batch,
        ranges: ActivationRanges,
        learned: bool = False,
    ) -> None:
        super().__init__()
        self.quantizers = nn.ModuleList(
            ActivationQuantizer(found, ranges.bits, learned) for found in ranges.by_tensor.values()
        )
        by_name: dict[str, nn.Module] = dict(zip(ranges.by_tensor, self.quantizers, strict=True))
        self._inputs = [by_name.get(name) for name in traced.spec.inputs]
        places = _places(traced, network, inputs, by_name.keys() - set(traced.spec.inputs))
        self._calls = {place: (name, by_name[tensor]) for place, (name, tensor) in places.items()}

    @classmethod
    def of(cls, meter: QualityMeter, network: nn.Module, dataset: Dataset) -> "RoundedActivations":
        """The rounding that a meter measures with, calls told apart by the first training images.

        Args:
            meter: of the network.
            network: left as it is.
            dataset: whose training part has them.

        Raises:
            LayerError: as the class.
        """
        images = dataset.train.inputs[: meter.traced.fixed_batch or IMAGES]
        return cls(meter.traced, network, images, meter.ranges)

    @contextmanager
    def attached(self, network: nn.Module) -> Iterator[None]:
        """Rounds the activations of the network, or of a compressed copy of it, until the context ends.

        Raises:
            LayerError: by a forward pass that takes other steps than the one that was followed.
        """

        def on_call(place: int, name: str, result: Tensor) -> Tensor:
            if place not in self._calls:
                return result
            expected, quantizer = self._calls[place]
            if name != expected:
                remedy = "let the forward pass take the same steps in training and in use"
                raise LayerError(f"call {place} of the forward pass is {expected}", name, remedy)
            rounded: Tensor = quantizer(result)
            return rounded

        handle = network.register_forward_pre_hook(_RoundInputs(self._inputs))
        try:
            with followed(network, on_call):
                yield
        finally:
            handle.remove()


def _places(
    traced: TracedNetwork, network: nn.Module, inputs: Batch, wanted: set[str]
) -> Mapping[int, tuple[str, str]]:
    """By place of a call, its name and the tensor that it gives, each of the wanted ones once, in the graph's order."""
    names = {node: tensor for node, tensor in rounded_nodes(traced).items() if tensor in wanted}
    values = node_values(traced.graph, names, parts_of(inputs))
    order = [node.name for node in traced.graph.graph.nodes if node.name in names]
    found: dict[int, tuple[str, str]] = {}

    def on_call(place: int, name: str, result: Tensor) -> Tensor:
        node = order[len(found)] if len(found) < len(order) else ""
        if node and _equal(result, values[node]):
            found[place] = name, names[node]
        return result

    was_training = network.training
    network.eval()
    try:
        with torch.no_grad(), followed(network, on_call):
            called(network, inputs)
    finally:
        network.train(was_training)
    if len(found) < len(order):
        rule, remedy = "what is rounded in training is what a call of torch returns", "train without rounding"
        raise LayerError(rule, names[order[len(found)]], remedy)
    return found


def _equal(result: Tensor, value: Tensor) -> bool:
    if result.shape != value.shape:
        return False
    return bool((result - value).abs().max() <= TOLERANCE * value.abs().max()) if value.numel() else True


class _RoundInputs:
    """A forward pre-hook: rounds the arguments that have a quantizer."""

    def __init__(self, quantizers: list[nn.Module | None]) -> None:
        self._quantizers = quantizers

    def __call__(self, module: nn.Module, arguments: tuple[Tensor, ...]) -> tuple[Tensor, ...]:
        """The arguments of the call."""
        pairs = zip(arguments, self._quantizers, strict=True)
        return tuple(values if quantizer is None else quantizer(values) for values, quantizer in pairs)
