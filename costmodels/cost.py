"""What a layer costs under a scheme: exact integers, for one inference of one image."""

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Any

from costmodels.errors import CostModelError
from costmodels.network import LayerSpec
from costmodels.schemes.base import DIRECT, FLOAT_BITS, SHARED_MAPS, LayerUsage, Operations, Scheme
from costmodels.shapes import ConvShape
from costmodels.text import AnyScheme, as_pattern
from costmodels.units import bytes_of_bits

__all__ = ["DIRECT", "SHARED_MAPS", "LayerCost", "check_activation_bits", "layer_cost"]

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
        executions: operations of every way to run the layer, one call.
        execution: the one whose counts the layer reports.
        calls: how often one inference runs the layer; the reported operations are those of all calls.
        usage: the counts of the fitted layer, or nothing known.
        fitted: whether they come from a fitted layer (the values it really uses) or from the parameters alone.
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
    def scratch_bytes(self) -> int:
        """Working memory of the reported execution beside input and output."""
        return int(self.operations.scratch_bytes)

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
        layer: the layer of a network, for its name and number of calls.

    Raises:
        CostModelError: the layer cannot take the scheme, or activation bits are out of range.

    >>> from costmodels import StackedBinary
    >>> shape = ConvShape(512, 512, (3, 3), (4, 4), padding=(1, 1))
    >>> round(layer_cost(shape, StackedBinary(segment_channels=256, filters=128)).compression_ratio, 2)
    249.93
    """
    check_activation_bits(activation_bits)
    scheme = as_pattern(scheme).resolve(shape)
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
        usage=used,
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
