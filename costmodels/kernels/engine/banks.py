"""Banks: the low-dimensional filters of a layer, run over the segments of its input; their maps are what schemes mix.

A dense layer is a bank as well, of one segment with as many filters as outputs.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Protocol

import numpy as np

from costmodels.kernels.engine.bitserial import BitSerialBank, SignPlanes, code_planes
from costmodels.kernels.engine.windows import convolve, padded, windows
from costmodels.machine.limits import FLOAT32_MOST, INT32_MOST, MOST_PLANE_PAIRS
from costmodels.shapes import ConvShape

__all__ = ["Bank", "ProductBank", "integer_bank", "largest_sum", "sum_dtype"]


class Bank(Protocol):
    """Filters of low dimension for each group, ready to run."""

    @property
    def blocks(self) -> int:
        """Equal parts of the input channels: the groups, or the segments of all groups."""

    @property
    def filters(self) -> int:
        """Of a group."""

    def read(self, image: np.ndarray) -> Any:
        """The input as the bank reads it, once for all positions."""

    def maps(self, inputs: Any, first: int, last: int, out: np.ndarray, start: int = 0) -> None:
        """The sums of all filters at the output positions from ``first`` to ``last`` - 1.

        Args:
            inputs: of `read`.
            first: the first position.
            last: the position after the last.
            out: (blocks, filters, positions) in C order.
            start: the column of ``out`` that takes the first position.
        """


@dataclass(frozen=True, eq=False)
class ProductBank:
    """A bank as a matrix product, which numpy's BLAS does: float weights, and integers of many bits.

    Args:
        shape: the layer.
        blocks: as `Bank.blocks`.
        filters: of a group.
        weights: makes (g, k, s*kh*kw) of ``dtype``, again for every image.
        dtype: one in which the sums are exact, where they have to be.
    """

    shape: ConvShape
    blocks: int
    filters: int
    weights: Callable[[], np.ndarray]
    dtype: np.dtype

    def read(self, image: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """The padded image in the type of the weights, and the weights."""
        return padded(image, self.shape, self.dtype), self.weights()

    def maps(
        self, inputs: tuple[np.ndarray, np.ndarray], first: int, last: int, out: np.ndarray, start: int = 0
    ) -> None:
        """As `Bank.maps`."""
        image, weights = inputs
        segments = self.blocks // self.shape.groups
        of_blocks = weights if segments == 1 else np.repeat(weights, segments, axis=0)
        columns, target = windows(image, self.shape, first, last), out[:, :, first - start : last - start]
        if out.dtype == self.dtype:
            convolve(of_blocks, columns, target)
        else:
            found = np.empty(target.shape, self.dtype)
            convolve(of_blocks, columns, found)
            target[:] = found


def integer_bank(
    shape: ConvShape,
    blocks: int,
    codes: np.ndarray,
    weight_bits: int,
    activation_bits: int,
    planes: Callable[[np.ndarray, int], SignPlanes] = code_planes,
) -> BitSerialBank | ProductBank:
    """A bank of integers, exact: bit planes, or with many of them a matrix product in a type that holds every sum.

    Args:
        shape: the layer.
        blocks: as `Bank.blocks`.
        codes: (g, k, s, kh, kw), of ``weight_bits`` bits.
        weight_bits: bit planes of a code.
        activation_bits: of a value of the image.
        planes: gives those of codes.
    """
    if weight_bits * activation_bits <= MOST_PLANE_PAIRS:
        return BitSerialBank(shape, blocks, planes(codes, weight_bits), activation_bits)
    fits = largest_sum(codes, activation_bits) <= FLOAT32_MOST
    dtype = np.dtype(np.float32 if fits else np.float64)
    weights = codes.reshape(*codes.shape[:2], -1)
    return ProductBank(shape, blocks, codes.shape[1], lambda: weights.astype(dtype), dtype)


def largest_sum(codes: np.ndarray, activation_bits: int) -> int:
    """No sum over a window of a filter's codes times activations is larger.

    Args:
        codes: (g, k, s, kh, kw), integers.
        activation_bits: of an activation, at most.
    """
    weights = np.abs(codes.astype(np.int64)).sum(axis=(2, 3, 4))
    return int(weights.max(initial=0)) << activation_bits


def sum_dtype(largest: int) -> np.dtype:
    """The smaller of int32 and int64 that holds sums up to ``largest``."""
    return np.dtype(np.int32 if largest <= INT32_MOST else np.int64)
