"""The counter that every execution in plain loops carries along: one call for each operation, as it is done."""

import math
from dataclasses import dataclass
from typing import Any

from costmodels.schemes.base import ACCUMULATOR_BITS, FLOAT_BITS, Operations

__all__ = ["Counter"]


@dataclass
class Counter:
    """Operations counted so far, by the conventions of `costmodels.conventions`.

    Args:
        activation_bits: bits of the layer's input values.
        macs: multiply-accumulates.
        additions: of two values, and accumulations under weights of +-1.
        multiplications: that no addition follows.
        bit_ops: of all of them: products of the operands' bits, and the bits of additions.
        scratch_bytes: the most working memory at once.
        requantizations: multiplications of an output value by the scale of its channel. The conventions hold them
            free, so they are apart from the multiplications and no part of the bit-ops.
        decoded: weights decoded from an entropy-coded stream.
    """

    activation_bits: int
    macs: int = 0
    additions: int = 0
    multiplications: int = 0
    bit_ops: int = 0
    scratch_bytes: int = 0
    requantizations: int = 0
    decoded: int = 0

    def accumulate(self, weight_bits: int, value_bits: int) -> None:
        """A value under a weight added to a sum: a MAC, or under a weight of +-1 an addition."""
        if weight_bits == 1:
            self.additions += 1
        else:
            self.macs += 1
        self.bit_ops += weight_bits * value_bits

    def add(self, bits: int) -> None:
        """Two values of so many bits added."""
        self.additions += 1
        self.bit_ops += bits

    def multiply(self, left_bits: int, right_bits: int) -> None:
        """Two values multiplied and added to nothing."""
        self.multiplications += 1
        self.bit_ops += left_bits * right_bits

    def requantize(self, value: Any, scale: float | None) -> Any:
        """An output value times the scale of its channel; as it is, where there is none."""
        if scale is None:
            return value
        self.requantizations += 1
        return value * scale

    def scale(self, value: Any, scale: float | None) -> Any:
        """A value within the execution times a scale; as it is, where there is none."""
        if scale is None:
            return value
        self.multiply(FLOAT_BITS, ACCUMULATOR_BITS)
        return value * scale

    def decode(self) -> None:
        """A weight decoded from an entropy-coded stream."""
        self.decoded += 1

    def hold(self, *sizes: int, bits: int = ACCUMULATOR_BITS) -> list[Any]:
        """Scratch memory for the rest of the execution: zeros of so many bits as nested lists of these sizes."""
        self.scratch_bytes += -(-math.prod(sizes) * bits // 8)
        return _zeros(sizes)

    def operations(self, method: str = "") -> Operations:
        """The counts as the cost formulas give them."""
        counts = self.macs, self.additions, self.multiplications, self.bit_ops, self.scratch_bytes
        return Operations(*counts, method, self.decoded)


def _zeros(sizes: tuple[int, ...]) -> list[Any]:
    return [_zeros(sizes[1:]) if len(sizes) > 1 else 0 for _ in range(sizes[0])]
