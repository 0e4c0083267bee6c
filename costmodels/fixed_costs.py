"""What a network costs whatever its design.

Layers without a compressed form stay dense at 32 bits, products of activations have no weights to compress, and every
other stored number that inference reads is stored as it is.
"""

from dataclasses import dataclass
from typing import Any

from costmodels.flash import flash_bytes
from costmodels.network import NetworkSpec
from costmodels.operation import FREE, UNKNOWN, Operation
from costmodels.schemes.base import FLOAT_BITS
from costmodels.units import bytes_of_bits

__all__ = ["FixedCost", "fixed_costs", "fixed_figures", "other_figures"]


@dataclass(frozen=True)
class FixedCost:
    """Cost of an operation with MAC that has no compressed form: its weights are dense, at 32 bits.

    Args:
        name: of the operation.
        kind: of the operation.
        storage: bits of its weights; 0 for one whose weights another operation before it stores.
        weights: how many these are.
        has_weights: whether it reads any, of its own or of an operation before it.
        macs: multiply-accumulates of an inference.
        activation_bits: of its input and output.
        traffic_bytes: input, output and weights, once each.
    """

    name: str
    kind: str
    storage: int
    weights: int
    has_weights: bool
    macs: int
    activation_bits: int
    traffic_bytes: int

    @property
    def bit_ops(self) -> int:
        """Bits of both factors over all MACs: weights of 32, or activations where these are multiplied by others."""
        return self.macs * (FLOAT_BITS if self.has_weights else self.activation_bits) * self.activation_bits

    @property
    def compression_ratio(self) -> float:
        """32-bit weights over storage bits: nothing is compressed."""
        return 1.0

    def to_json(self) -> dict[str, Any]:
        """Plain data, a row like those of `costmodels.cost.LayerCost`."""
        return {
            "name": self.name,
            "shape": self.kind,
            "scheme": "dense(weight_bits=32), not compressed yet" if self.has_weights else "no weights",
            "storage": {"weights": self.storage},
            "storage_bits": self.storage,
            "shared_bits": {},
            "macs": self.macs,
            "additions": 0,
            "multiplications": 0,
            "bit_ops": self.bit_ops,
            "decoded": 0,
            "execution": "direct",
            "scratch_bytes": 0,
            "traffic_bytes": self.traffic_bytes,
            "compression_ratio": self.compression_ratio,
        }


def fixed_costs(network: NetworkSpec, activation_bits: int) -> tuple[FixedCost, ...]:
    """Costs of the operations without a compressed form, in the network's order; weights at their first reader.

    Args:
        network: the network.
        activation_bits: of every activation tensor.
    """
    if not network.fixed:
        return ()
    constants = {constant.name: constant for constant in network.constants}
    sizes = {tensor.name: bytes_of_bits(tensor.elements * activation_bits) for tensor in network.tensors}

    def cost(step: Operation) -> FixedCost:
        own = [constants.pop(name) for name in dict.fromkeys(step.weights) if name in constants]
        bits, weights = sum(one.stored_bits for one in own), sum(one.elements for one in own)
        moved = sum(sizes[name] for name in (*step.inputs, step.output)) + bytes_of_bits(bits)
        return FixedCost(step.name, step.kind, bits, weights, bool(step.weights), step.macs, activation_bits, moved)

    return tuple(cost(step) for step in network.fixed)


def fixed_figures(network: NetworkSpec, activation_bits: int) -> dict[str, int]:
    """What every design of a network has in addition to its layers, by figure: a sum over layers lacks so much.

    Args:
        network: the network.
        activation_bits: of every activation tensor.

    Returns:
        ``storage_bits`` (weights alone), ``flash_bytes`` (every constant), ``macs``, ``bit_ops`` and ``traffic_bytes``.
    """
    costs = fixed_costs(network, activation_bits)
    return {
        "storage_bits": sum(cost.storage for cost in costs),
        "flash_bytes": flash_bytes(constant.stored_bits for constant in network.constants),
        "macs": sum(cost.macs for cost in costs),
        "bit_ops": sum(cost.bit_ops for cost in costs),
        "traffic_bytes": sum(cost.traffic_bytes for cost in costs),
    }


def other_figures(network: NetworkSpec, activation_bits: int) -> dict[str, int]:
    """What the steps take that are no layer and have no MAC, each on its own: elementwise ones, pooling, copies.

    Args:
        network: the network.
        activation_bits: of every activation tensor.

    Returns:
        ``other_operations``, without those of unknown steps, and ``other_traffic_bytes``: what is read and written.
    """
    steps = [step for step in network.operations if step.status in (FREE, UNKNOWN) and not step.views]
    sizes = {tensor.name: bytes_of_bits(tensor.elements * activation_bits) for tensor in network.tensors}
    return {
        "other_operations": sum(step.operations for step in steps),
        "other_traffic_bytes": int(sum(sizes[name] for step in steps for name in (*step.inputs, step.output))),
    }
