"""Banks: the low-dimensional filters of a layer, run over the segments of its input. The maps are what every scheme mixes.

A dense layer is a bank as well, of one segment with as many filters as outputs.
"""

from dataclasses import dataclass
from typing import Any, Protocol

import numpy as np

from costmodels.kernels.windows import windows
from costmodels.shapes import ConvShape

__all__ = ["INT32_MOST", "Bank", "ProductBank", "largest_sum", "product_bank"]

INT32_MOST = (1 << 31) - 1
FLOAT32_MOST = 1 << 24
"""Up to here float32 holds every integer, and so does a matrix product of integers whose sums stay below."""


class Bank(Protocol):
    """Filters of low dimension for each group, ready to run."""

    shape: ConvShape
    blocks: int

    @property
    def filters(self) -> int:
        """Of a group."""

    def read(self, image: np.ndarray) -> Any:
        """The input as the bank reads it, once for all positions."""

    def maps(self, inputs: Any, first: int, last: int, out: np.ndarray, start: int = 0) -> None:
        """The sums of all filters at the output positions from ``first`` to ``last`` - 1.

        Args:
            inputs: of `read`. out: (blocks, filters, positions) in C order. start: its first position.
        """


@dataclass(frozen=True, eq=False)
class ProductBank:
    """A bank as a matrix product, which numpy's BLAS does: float weights, and integers of many bits.

    Args:
        shape: the layer. blocks: equal parts of the input channels, the groups or the segments of each.
        weights: (g, k, s*kh*kw), float32 or float64; of the type in which the sums are exact, where they have to be.
    """

    shape: ConvShape
    blocks: int
    weights: np.ndarray

    @property
    def filters(self) -> int:
        """Of a group."""
        return int(self.weights.shape[1])

    def read(self, image: np.ndarray) -> np.ndarray:
        """The image in the type of the weights."""
        return np.ascontiguousarray(image, self.weights.dtype)

    def maps(self, inputs: np.ndarray, first: int, last: int, out: np.ndarray, start: int = 0) -> None:
        """As `Bank.maps`."""
        groups = self.shape.groups
        columns = windows(inputs, self.shape, first, last).reshape(groups, self.blocks // groups, -1, last - first)
        target = out[:, :, first - start : last - start].reshape(groups, -1, self.filters, last - first)
        if out.dtype == self.weights.dtype and np.shares_memory(target, out):
            np.matmul(self.weights[:, None], columns, out=target)
        else:
            found = np.matmul(self.weights[:, None], columns)
            out[:, :, first - start : last - start] = found.reshape(self.blocks, self.filters, -1)


def largest_sum(codes: np.ndarray, activation_bits: int) -> int:
    """No sum over a window of a filter's codes times activations is larger.

    Args:
        codes: (g, k, ...), integers.
    """
    weights = np.abs(codes.astype(np.int64)).reshape(*codes.shape[:2], -1).sum(axis=2)
    return int(weights.max(initial=0)) << activation_bits


def product_bank(shape: ConvShape, blocks: int, weights: np.ndarray, activation_bits: int) -> ProductBank:
    """A bank of floats, or of integer codes with a type in which the sums over a window are exact."""
    exact = weights.dtype.kind == "i" and largest_sum(weights, activation_bits) > FLOAT32_MOST
    flat = weights.reshape(*weights.shape[:2], -1)
    return ProductBank(shape, blocks, flat.astype(np.float64 if exact else np.float32))
