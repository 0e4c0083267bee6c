"""What a whole network costs: the sums of its layers, its flash and its SRAM peak."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from functools import cached_property
from typing import Any

from costmodels.cost import LayerCost, check_activation_bits, layer_cost
from costmodels.errors import ArgumentTypeError, CostModelError
from costmodels.fixed_costs import FixedCost, fixed_costs, fixed_figures, other_figures
from costmodels.flash import channel_bits, flash_bytes
from costmodels.memory import SramPeak, given_bytes, live_steps, peak_of
from costmodels.network import NetworkSpec
from costmodels.schemes.base import FLOAT_BITS, LayerUsage
from costmodels.text import AnyScheme, as_pattern
from costmodels.units import bytes_of_bits

__all__ = ["NetworkCost", "network_cost", "within_scratch"]


@dataclass(frozen=True)
class NetworkCost:
    """Cost of a network: the sums of its layers, its flash and its SRAM peak.

    Args:
        network: its name.
        layers: cost of each layer, in the network's order.
        activation_bits: of every activation tensor.
        extras: bits of what is stored in addition to the layers' weights: ``codebook`` shared by the network, ``bias``
            and ``normalization`` (32 bits a value), and ``constants`` where operations that are no layer read any.
        sram: the peak of live activations and scratch, and where it is reached.
        weights: of the network, those of ``fixed`` among them.
        fixed: cost of each operation with weights that has no compressed form yet.
        constant_bytes: of all that is stored for operations that are no layer, the weights of ``fixed`` among it.
        input_bytes: of the inputs that lie in the caller's memory, and not in ``sram_bytes``.
        other_operations: additions, products, comparisons and functions of the steps that are no layer and have no MAC.
        other_traffic_bytes: what these steps read and write, each on its own.
    """

    network: str
    layers: tuple[LayerCost, ...]
    activation_bits: int
    extras: Mapping[str, int]
    sram: SramPeak
    weights: int = field(default=0)
    fixed: tuple[FixedCost, ...] = ()
    constant_bytes: int = 0
    input_bytes: int = 0
    other_operations: int = 0
    other_traffic_bytes: int = 0

    @cached_property
    def storage(self) -> dict[str, int]:
        """Bits by component over all layers, the network's shared codebook among them; weights only."""
        totals: dict[str, int] = {}
        for layer in self.layers:
            for component, bits in layer.storage.items():
                totals[component] = totals.get(component, 0) + bits
        for step in self.fixed:
            totals["weights"] = totals.get("weights", 0) + step.storage
        totals["codebook"] = totals.get("codebook", 0) + self.extras["codebook"]
        return totals

    @cached_property
    def storage_bits(self) -> int:
        """Weights only, as the papers count."""
        return sum(self.storage.values())

    @cached_property
    def _parts(self) -> tuple[LayerCost | FixedCost, ...]:
        """Everything that works."""
        return *self.layers, *self.fixed

    @property
    def storage_bytes(self) -> int:
        """`storage_bits` in whole bytes."""
        return int(bytes_of_bits(self.storage_bits))

    @cached_property
    def flash_bytes(self) -> int:
        """Packed weights, every component of every layer and every shared codebook padded to whole bytes, biases and
        folded normalization, and every constant that another operation reads."""
        packed = (bits for layer in self.layers for bits in layer.storage.values())
        channels = self.extras["bias"], self.extras["normalization"]
        return int(flash_bytes((*packed, *_shared(self.layers).values(), *channels))) + self.constant_bytes

    @property
    def sram_bytes(self) -> int:
        """Peak of live activations and scratch."""
        return self.sram.bytes

    @cached_property
    def macs(self) -> int:
        """Multiply-accumulates of an inference."""
        return sum(part.macs for part in self._parts)

    @cached_property
    def additions(self) -> int:
        """Additions of an inference."""
        return sum(layer.additions for layer in self.layers)

    @cached_property
    def multiplications(self) -> int:
        """Multiplications of an inference."""
        return sum(layer.multiplications for layer in self.layers)

    @cached_property
    def bit_ops(self) -> int:
        """Bit operations of an inference."""
        return sum(part.bit_ops for part in self._parts)

    @cached_property
    def decoded(self) -> int:
        """Weights decoded one after the other in an inference."""
        return sum(layer.decoded for layer in self.layers)

    @cached_property
    def traffic_bytes(self) -> int:
        """Least traffic of all layers, and of operations with weights that have no compressed form."""
        return sum(part.traffic_bytes for part in self._parts)

    @property
    def compression_ratio(self) -> float:
        """32-bit weights of all layers over storage bits."""
        return FLOAT_BITS * self.weights / self.storage_bits if self.storage_bits else float("inf")

    def totals(self) -> dict[str, Any]:
        """Every figure of the network as plain data."""
        names = ("storage_bits", "storage_bytes", "flash_bytes", "sram_bytes", "macs", "additions", "multiplications")
        figures = {
            name: getattr(self, name) for name in (*names, "bit_ops", "decoded", "traffic_bytes", "compression_ratio")
        }
        memory = {"sram_peak_at": self.sram.operation, "input_bytes": self.input_bytes}
        others = {"other_operations": self.other_operations, "other_traffic_bytes": self.other_traffic_bytes}
        return {"storage": self.storage, "extras": dict(self.extras), **figures, **memory, **others}


def network_cost(
    network: NetworkSpec,
    schemes: Mapping[str, AnyScheme] | AnyScheme,
    activation_bits: int = 8,
    usages: Mapping[str, LayerUsage] | None = None,
    sram_limit_bytes: int | None = None,
) -> NetworkCost:
    """Cost of a network.

    Args:
        network: the network.
        schemes: one scheme for every layer, or a scheme by layer name; text is read as schemes.
        activation_bits: of every activation tensor.
        usages: counts of fitted layers by layer name.
        sram_limit_bytes: where given, a layer whose cheapest execution exceeds it with the activations live at its step
            runs in its next cheapest execution that does not, or in the one of least scratch.

    Raises:
        ArgumentTypeError: the network is no description of one.
        CostModelError: a layer has no scheme or cannot take it; the message names the layer.
    """
    if not isinstance(network, NetworkSpec):
        remedy = "give a NetworkSpec, such as the spec of what filterfront.trace returns"
        raise ArgumentTypeError("the network is described by a NetworkSpec", type(network).__name__, remedy)
    check_activation_bits(activation_bits)
    named = (layer.name for layer in network.layers)
    by_name = schemes if isinstance(schemes, Mapping) else dict.fromkeys(named, as_pattern(schemes))
    costs = []
    for layer in network.layers:
        scheme = by_name.get(layer.name)
        if scheme is None:
            raise CostModelError("every layer has a scheme", f"none for {layer.name}", "add one, dense for example")
        try:
            costs.append(layer_cost(layer.shape, scheme, activation_bits, (usages or {}).get(layer.name), layer))
        except CostModelError as error:
            raise error.at(layer.name) from error
    steps = live_steps(network, activation_bits)
    if sram_limit_bytes is not None:
        live: dict[str, int] = {}
        for step in steps:
            if step.layer is not None:
                live[step.layer] = max(live.get(step.layer, 0), step.bytes)
        costs = [within_scratch(cost, sram_limit_bytes - live.get(cost.name, 0)) for cost in costs]
    return NetworkCost(
        network=network.name,
        layers=tuple(costs),
        activation_bits=activation_bits,
        extras=_extras(network, costs),
        sram=peak_of(steps, {cost.name: cost.scratch_bytes for cost in costs}),
        weights=network.weights,
        fixed=fixed_costs(network, activation_bits),
        constant_bytes=fixed_figures(network, activation_bits)["flash_bytes"],
        input_bytes=given_bytes(network, activation_bits),
        **other_figures(network, activation_bits),
    )


def within_scratch(cost: LayerCost, scratch_limit_bytes: int) -> LayerCost:
    """The same layer in its cheapest execution within a limit on scratch, or in that of least scratch."""
    if cost.scratch_bytes <= scratch_limit_bytes:
        return cost

    def rank(name: str) -> tuple[int, int]:
        operations = cost.executions[name]
        fits = operations.scratch_bytes <= scratch_limit_bytes
        return (0, operations.bit_ops) if fits else (1, operations.scratch_bytes)

    execution = min(cost.executions, key=rank)
    return replace(cost, execution=execution)


def _shared(costs: Iterable[LayerCost]) -> dict[str, int]:
    """Bits that are stored once for all layers, by key."""
    return {key: bits for cost in costs for key, bits in cost.shared.items()}


def _extras(network: NetworkSpec, costs: list[LayerCost]) -> dict[str, int]:
    """Bits stored in addition to the layers' weights."""
    parts = [channel_bits(layer, cost.scheme) for layer, cost in zip(network.layers, costs, strict=True)]
    bias, normalization = (sum(part[index] for part in parts) for index in (0, 1))
    constants = sum(constant.stored_bits for constant in network.constants if not constant.is_weight)
    extras = {"codebook": sum(_shared(costs).values()), "bias": bias, "normalization": normalization}
    return {**extras, "constants": constants} if constants else extras
