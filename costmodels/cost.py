"""What a layer costs under a scheme: exact integers, for one inference of one image."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

from costmodels.errors import ArgumentTypeError, CostModelError
from costmodels.network import LayerSpec
from costmodels.schemes.base import DIRECT, FLOAT_BITS, SHARED_MAPS, LayerUsage, Operations, Scheme
from costmodels.shapes import ConvShape
from costmodels.text import AnyScheme, as_pattern
from costmodels.units import bytes_of_bits

__all__ = ["DIRECT", "SHARED_MAPS", "LayerCost", "check_activation_bits", "layer_cost"]

COUNTS = ("macs", "additions", "multiplications", "bit_ops", "decoded")
"""What every call of a layer takes."""

_NOTHING_KNOWN = LayerUsage()


@dataclass(frozen=True)
class LayerCost:
    """Cost of one layer.

    Args:
        name: the layer's name, "" for a bare shape.
        shape: of the layer.
        scheme: its compressed form.
        activation_bits: of input and output.
        storage: bits by component; weights only, as the papers count.
        shared: bits that the network stores once for all layers of the same key (a network-wide codebook).
        executions: operations of every way to run the layer, one call; of a layer that runs at several shapes those
            of all calls together, with the scratch of the call that needs most.
        execution: the one whose counts the layer reports.
        calls: how often one inference makes the call that ``executions`` counts; the reported operations are those of
            all calls.
        usage: the counts of the fitted layer, or nothing known.
        fitted: whether they come from a fitted layer (the values it really uses) or from the parameters alone.
        all_runs: how often one inference runs the layer, by shape, where there are several.
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
    usage: LayerUsage = _NOTHING_KNOWN
    fitted: bool = False
    all_runs: Mapping[ConvShape, int] = field(default_factory=dict)

    @cached_property
    def storage_bits(self) -> int:
        """The sum of the components."""
        return sum(self.storage.values())

    @property
    def operations(self) -> Operations:
        """Operations of the reported execution, as `executions` counts them."""
        return self.executions[self.execution]

    @property
    def runs(self) -> Mapping[ConvShape, int]:
        """How often one inference runs the layer, by shape."""
        return self.all_runs or {self.shape: self.calls}

    @property
    def macs(self) -> int:
        """Multiply-accumulates of an inference."""
        return int(self.operations.macs) * self.calls

    @property
    def additions(self) -> int:
        """Additions of an inference."""
        return int(self.operations.additions) * self.calls

    @property
    def multiplications(self) -> int:
        """Multiplications of an inference."""
        return int(self.operations.multiplications) * self.calls

    @property
    def bit_ops(self) -> int:
        """Bit operations of an inference."""
        return int(self.operations.bit_ops) * self.calls

    @property
    def decoded(self) -> int:
        """Weights decoded one after the other in an inference."""
        return int(self.operations.decoded) * self.calls

    @property
    def scratch_bytes(self) -> int:
        """Working memory of the reported execution, in addition to input and output."""
        return int(self.operations.scratch_bytes)

    @property
    def traffic_bytes(self) -> int:
        """Bytes moved when input, output and weights cross the memory once a call: the least traffic there can be."""
        weights = bytes_of_bits(self.storage_bits + sum(self.shared.values()))
        return sum(runs * (self._activation_bytes(shape) + weights) for shape, runs in self.runs.items())

    def _activation_bytes(self, shape: ConvShape) -> int:
        counts = (shape.input_elements, shape.output_elements)
        return sum(bytes_of_bits(count * self.activation_bits) for count in counts)

    @property
    def compression_ratio(self) -> float:
        """32-bit weights over storage bits."""
        return FLOAT_BITS * self.shape.weights / self.storage_bits if self.storage_bits else float("inf")

    def to_json(self) -> dict[str, Any]:
        """Plain data, the row of ``filterfront cost --json``."""
        return {
            "name": self.name,
            "shape": " and ".join(map(str, self.runs)),
            "scheme": str(self.scheme),
            "storage": dict(self.storage),
            "storage_bits": self.storage_bits,
            "shared_bits": dict(self.shared),
            **{count: getattr(self, count) for count in COUNTS},
            "execution": self.execution,
            "scratch_bytes": self.scratch_bytes,
            "traffic_bytes": self.traffic_bytes,
            "compression_ratio": self.compression_ratio,
        }


def layer_cost(
    shape: ConvShape,
    scheme: AnyScheme,
    activation_bits: int = 8,
    usage: LayerUsage | None = None,
    layer: LayerSpec | None = None,
) -> LayerCost:
    """Cost of a layer under a scheme.

    Args:
        shape: the layer.
        scheme: its compressed form, or that in text.
        activation_bits: bits of its input and output values.
        usage: the counts of a fitted layer; without it the parameters' nominal density and every shared map are
            counted.
        layer: the layer of a network, for its name and its calls.

    Raises:
        ArgumentTypeError: the shape is none.
        CostModelError: the layer cannot take the scheme, or activation bits are out of range.

    >>> from costmodels import StackedBinary
    >>> shape = ConvShape(512, 512, (3, 3), (4, 4), padding=(1, 1))
    >>> round(layer_cost(shape, StackedBinary(segment_channels=256, filters=128)).compression_ratio, 2)
    249.93
    """
    if not isinstance(shape, ConvShape):
        remedy = "give for example ConvShape(16, 3, (3, 3), (32, 32))"
        raise ArgumentTypeError("the shape of a layer is a ConvShape", type(shape).__name__, remedy)
    check_activation_bits(activation_bits)
    scheme = as_pattern(scheme).resolve(shape)
    used = usage or _NOTHING_KNOWN
    runs = layer.runs if layer else {shape: 1}
    for one in runs:
        scheme.check(one)
    executions = scheme.executions(shape, activation_bits, used)
    if len(runs) > 1:
        executions = {
            name: _together(scheme, runs, activation_bits, used, name, operations.method)
            for name, operations in executions.items()
        }
    return LayerCost(
        name=layer.name if layer else "",
        shape=shape,
        scheme=scheme,
        activation_bits=activation_bits,
        storage=scheme.storage(shape, used),
        shared=scheme.shared_storage(shape),
        executions=executions,
        execution=min(executions, key=lambda name: (executions[name].bit_ops, executions[name].scratch_bytes)),
        calls=layer.calls if layer and len(runs) == 1 else 1,
        usage=used,
        fitted=usage is not None,
        all_runs=runs if len(runs) > 1 else {},
    )


def _together(
    scheme: Scheme, runs: Mapping[ConvShape, int], activation_bits: int, used: LayerUsage, execution: str, method: str
) -> Operations:
    """Operations of all calls of a layer that runs at several shapes: everywhere by the method that is cheapest at the
    first, as one program runs them all."""
    calls = [
        (scheme.methods(shape, activation_bits, used) if method else scheme.executions(shape, activation_bits, used))
        for shape in runs
    ]
    found = [(times, ways[method or execution]) for times, ways in zip(runs.values(), calls, strict=True)]
    sums = {name: sum(times * getattr(operations, name) for times, operations in found) for name in COUNTS}
    return Operations(**sums, scratch_bytes=max(operations.scratch_bytes for _, operations in found), method=method)


def check_activation_bits(activation_bits: int) -> None:
    """Refuses activation bits outside 1 to 16 and 32.

    Raises:
        CostModelError: with the rule.
    """
    whole = isinstance(activation_bits, int) and not isinstance(activation_bits, bool)
    if not whole or activation_bits not in (*range(1, 17), 32):
        raise CostModelError("activation_bits is 1 to 16, or 32", activation_bits, "choose such a width, 8 by default")
