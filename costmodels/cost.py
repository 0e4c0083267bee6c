"""What a layer and a whole network cost under given schemes: exact integers, for one inference of one image."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

from costmodels.errors import CostModelError
from costmodels.memory import SramPeak, live_steps, peak_of
from costmodels.network import LayerSpec, NetworkSpec
from costmodels.schemes.base import FLOAT_BITS, LayerUsage, Operations, Scheme
from costmodels.shapes import ConvShape
from costmodels.units import bytes_of_bits

__all__ = ["DIRECT", "SHARED_MAPS", "LayerCost", "NetworkCost", "layer_cost", "network_cost"]

DIRECT, SHARED_MAPS = "direct", "shared-maps"
_NOTHING_KNOWN = LayerUsage()


@dataclass(frozen=True)
class LayerCost:
    """Cost of one layer.

    Args:
        name: the layer's name, "" for a bare shape. shape, scheme: what was costed. activation_bits: of input and
            output.
        storage: bits by component; weights only, as the papers count.
        shared: bits that the network stores once for all layers of the same key (a network-wide codebook).
        executions: operations of every way to run the layer, one call. execution: the one whose counts the layer
            reports.
        calls: how often one inference runs the layer; the reported operations are those of all calls.
        fitted: whether counts come from a fitted layer (the values it really uses) or from the parameters alone.
    """

    name: str
    shape: ConvShape
    scheme: Scheme
    activation_bits: int
    storage: Mapping[str, int]
    shared: Mapping[str, int]
    executions: Mapping[str, Operations]
    execution: str
    calls: int = 1
    fitted: bool = False

    @cached_property
    def storage_bits(self) -> int:
        """The sum of the components."""
        return sum(self.storage.values())

    @property
    def operations(self) -> Operations:
        """Operations of the reported execution, one call."""
        return self.executions[self.execution]

    @property
    def macs(self) -> int:
        """Multiply-accumulates of an inference."""
        return self.operations.macs * self.calls

    @property
    def additions(self) -> int:
        """Additions of an inference."""
        return self.operations.additions * self.calls

    @property
    def multiplications(self) -> int:
        """Multiplications of an inference."""
        return self.operations.multiplications * self.calls

    @property
    def bit_ops(self) -> int:
        """Bit operations of an inference."""
        return self.operations.bit_ops * self.calls

    @property
    def scratch_bytes(self) -> int:
        """Working memory of the reported execution beside input and output."""
        return self.operations.scratch_bytes

    @property
    def traffic_bytes(self) -> int:
        """Bytes moved when input, output and weights cross the memory once a call: the least traffic there can be."""
        activations = sum(
            bytes_of_bits(count * self.activation_bits)
            for count in (self.shape.input_elements, self.shape.output_elements)
        )
        weights = self.storage_bits + sum(self.shared.values())
        return self.calls * (activations + bytes_of_bits(weights))

    @property
    def compression_ratio(self) -> float:
        """32-bit weights over storage bits."""
        return FLOAT_BITS * self.shape.weights / self.storage_bits if self.storage_bits else float("inf")

    def to_json(self) -> dict[str, Any]:
        """Plain data, the row of ``filterfront cost --json``."""
        return {
            "name": self.name,
            "shape": str(self.shape),
            "scheme": str(self.scheme),
            "storage": dict(self.storage),
            "storage_bits": self.storage_bits,
            "shared_bits": dict(self.shared),
            **{count: getattr(self, count) for count in ("macs", "additions", "multiplications", "bit_ops")},
            "execution": self.execution,
            "scratch_bytes": self.scratch_bytes,
            "traffic_bytes": self.traffic_bytes,
            "compression_ratio": self.compression_ratio,
        }


def layer_cost(
    shape: ConvShape,
    scheme: Scheme,
    activation_bits: int = 8,
    usage: LayerUsage | None = None,
    layer: LayerSpec | None = None,
) -> LayerCost:
    """Cost of a layer under a scheme.

    Args:
        shape: the layer. scheme: its compressed form. activation_bits: bits of its input and output values.
        usage: the counts of a fitted layer; without it the parameters' nominal density and every shared map are
            counted.
        layer: the layer of a network, for its name and number of calls.

    Raises:
        CostModelError: the layer cannot take the scheme, or activation bits are out of range.

    >>> from costmodels import StackedBinary
    >>> shape = ConvShape(512, 512, (3, 3), (4, 4), padding=(1, 1))
    >>> round(layer_cost(shape, StackedBinary(segment_channels=256, filters=128)).compression_ratio, 2)
    249.93
    """
    check_activation_bits(activation_bits)
    scheme.check(shape)
    used = usage or _NOTHING_KNOWN
    executions = scheme.executions(shape, activation_bits, used)
    return LayerCost(
        name=layer.name if layer else "",
        shape=shape,
        scheme=scheme,
        activation_bits=activation_bits,
        storage=scheme.storage(shape, used),
        shared=scheme.shared_storage(shape),
        executions=executions,
        execution=min(executions, key=lambda name: (executions[name].bit_ops, executions[name].scratch_bytes)),
        calls=layer.calls if layer else 1,
        fitted=usage is not None,
    )


def check_activation_bits(activation_bits: int) -> None:
    """Refuses activation bits outside 1 to 16 and 32.

    Raises:
        CostModelError: with the rule.
    """
    whole = isinstance(activation_bits, int) and not isinstance(activation_bits, bool)
    if not whole or activation_bits not in (*range(1, 17), 32):
        raise CostModelError("activation_bits is 1 to 16, or 32", activation_bits, "choose such a width, 8 by default")


@dataclass(frozen=True)
class NetworkCost:
    """Cost of a network: the sums of its layers, its flash and its SRAM peak.

    Args:
        layers: cost of each layer, in the network's order. activation_bits: of every activation tensor.
        extras: bits of what is stored beside the layers' weights: ``codebook`` shared by the network, ``bias`` and
            ``normalization`` (32 bits a value).
        sram: the peak of live activations and scratch, and where it is reached.
    """

    network: str
    layers: tuple[LayerCost, ...]
    activation_bits: int
    extras: Mapping[str, int]
    sram: SramPeak
    weights: int = field(default=0)

    @cached_property
    def storage(self) -> dict[str, int]:
        """Bits by component over all layers, the network's shared codebook among them; weights only."""
        totals: dict[str, int] = {}
        for layer in self.layers:
            for component, bits in layer.storage.items():
                totals[component] = totals.get(component, 0) + bits
        totals["codebook"] = totals.get("codebook", 0) + self.extras["codebook"]
        return totals

    @cached_property
    def storage_bits(self) -> int:
        """Weights only, as the papers count."""
        return sum(self.storage.values())

    @property
    def storage_bytes(self) -> int:
        """`storage_bits` in whole bytes."""
        return bytes_of_bits(self.storage_bits)

    @cached_property
    def flash_bytes(self) -> int:
        """Packed weights, every component of every layer and every shared codebook padded to whole bytes, and biases
        and folded normalization."""
        packed = sum(bytes_of_bits(bits) for layer in self.layers for bits in layer.storage.values())
        codebooks = sum(bytes_of_bits(bits) for bits in _shared(self.layers).values())
        return packed + codebooks + bytes_of_bits(self.extras["bias"] + self.extras["normalization"])

    @property
    def sram_bytes(self) -> int:
        """Peak of live activations and scratch."""
        return self.sram.bytes

    @cached_property
    def macs(self) -> int:
        """Multiply-accumulates of an inference."""
        return sum(layer.macs for layer in self.layers)

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
        return sum(layer.bit_ops for layer in self.layers)

    @cached_property
    def traffic_bytes(self) -> int:
        """Least traffic of all layers."""
        return sum(layer.traffic_bytes for layer in self.layers)

    @property
    def compression_ratio(self) -> float:
        """32-bit weights of all layers over storage bits."""
        return FLOAT_BITS * self.weights / self.storage_bits if self.storage_bits else float("inf")

    def totals(self) -> dict[str, Any]:
        """Every figure of the network as plain data."""
        names = ("storage_bits", "storage_bytes", "flash_bytes", "sram_bytes", "macs", "additions", "multiplications")
        figures = {name: getattr(self, name) for name in (*names, "bit_ops", "traffic_bytes", "compression_ratio")}
        return {"storage": self.storage, "extras": dict(self.extras), **figures, "sram_peak_at": self.sram.operation}


def network_cost(
    network: NetworkSpec,
    schemes: Mapping[str, Scheme] | Scheme,
    activation_bits: int = 8,
    usages: Mapping[str, LayerUsage] | None = None,
    sram_limit_bytes: int | None = None,
) -> NetworkCost:
    """Cost of a network.

    Args:
        network: the network. schemes: one scheme for every layer, or a scheme by layer name.
        activation_bits: of every activation tensor. usages: counts of fitted layers by layer name.
        sram_limit_bytes: where given, a layer whose cheapest execution exceeds it with the activations live at its step
            runs in its next cheapest execution that does not, or in the one of least scratch.

    Raises:
        CostModelError: a layer has no scheme or cannot take it; the message names the layer.
    """
    check_activation_bits(activation_bits)
    costs = []
    for layer in network.layers:
        scheme = schemes if isinstance(schemes, Scheme) else schemes.get(layer.name)
        if scheme is None:
            raise CostModelError("every layer has a scheme", f"none for {layer.name}", "add one, dense for example")
        try:
            costs.append(layer_cost(layer.shape, scheme, activation_bits, (usages or {}).get(layer.name), layer))
        except CostModelError as error:
            raise type(error)(f"{layer.name}: {error.rule}", error.value, error.remedy) from error
    steps = live_steps(network, activation_bits)
    if sram_limit_bytes is not None:
        live: dict[str, int] = {}
        for step in steps:
            if step.layer is not None:
                live[step.layer] = max(live.get(step.layer, 0), step.bytes)
        costs = [_within(cost, sram_limit_bytes - live.get(cost.name, 0)) for cost in costs]
    return NetworkCost(
        network=network.name,
        layers=tuple(costs),
        activation_bits=activation_bits,
        extras=_extras(network, costs),
        sram=peak_of(steps, {cost.name: cost.scratch_bytes for cost in costs}),
        weights=network.weights,
    )


def _within(cost: LayerCost, scratch_limit_bytes: int) -> LayerCost:
    """The same layer in its cheapest execution within a limit on scratch, or in that of least scratch."""
    if cost.scratch_bytes <= scratch_limit_bytes:
        return cost

    def rank(name: str) -> tuple[int, int]:
        operations = cost.executions[name]
        fits = operations.scratch_bytes <= scratch_limit_bytes
        return (0, operations.bit_ops) if fits else (1, operations.scratch_bytes)

    execution = min(cost.executions, key=rank)
    return LayerCost(**{**{name: getattr(cost, name) for name in cost.__dataclass_fields__}, "execution": execution})


def _shared(costs: Iterable[LayerCost]) -> dict[str, int]:
    """Bits that are stored once for all layers, by key."""
    return {key: bits for cost in costs for key, bits in cost.shared.items()}


def _extras(network: NetworkSpec, costs: list[LayerCost]) -> dict[str, int]:
    """Bits stored beside the layers' weights.

    A bias, or the shift of a folded normalization, is one 32-bit value per output channel. The normalization's factor
    is another, unless the scheme stores numbers that take it up.
    """
    bias = normalization = 0
    for layer, cost in zip(network.layers, costs, strict=True):
        if layer.bias or layer.normalization:
            bias += FLOAT_BITS * layer.shape.out_channels
        if layer.normalization and not cost.scheme.takes_channel_scale:
            normalization += FLOAT_BITS * layer.shape.out_channels
    return {"codebook": sum(_shared(costs).values()), "bias": bias, "normalization": normalization}
