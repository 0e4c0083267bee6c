"""What a kernel is: a layer ready to run in one execution, over any part of its output."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Protocol

import numpy as np

from costmodels.kernels.engine.banks import Bank, ProductBank
from costmodels.machine.pieces import block_of
from costmodels.shapes import ConvShape

__all__ = ["FLOAT", "BankKernel", "Kernel", "scale_into"]

FLOAT = np.dtype(np.float32)


class Kernel(Protocol):
    """A layer ready to run."""

    @property
    def units(self) -> int:
        """Parts of the output that can be computed apart: positions, or filters."""

    @property
    def block(self) -> int:
        """Units to take at once."""

    @property
    def output_dtype(self) -> np.dtype:
        """Of the result."""

    @property
    def uses_blas(self) -> bool:
        """Whether it takes matrix products."""

    def read(self, image: np.ndarray) -> Any:
        """The input as the kernel reads it, once for all units."""

    def run(self, inputs: Any, first: int, last: int, out: np.ndarray) -> None:
        """The units from ``first`` to ``last`` - 1 into ``out``, (n, H'W') in C order."""


def scale_into(sums: np.ndarray, scales: np.ndarray | None, out: np.ndarray) -> None:
    """The sums times a scale of each row, rounded once."""
    if scales is None:
        out[:] = sums
    else:
        exact = np.float64 if sums.dtype.kind == "i" else sums.dtype
        np.multiply(sums, scales[:, None].astype(exact), out=out, casting="same_kind")


@dataclass(frozen=True, eq=False)
class BankKernel:
    """A bank and what is done with its maps.

    Args:
        shape: the layer.
        bank: its filters.
        dtype: of maps and sums.
        mix: fills the sums (n, positions) from the maps (blocks, filters, positions); none where the maps are the sums.
        scales: (n,) of the outputs, or none.
    """

    shape: ConvShape
    bank: Bank
    dtype: np.dtype
    mix: Callable[[np.ndarray, np.ndarray], None] | None = None
    scales: np.ndarray | None = None

    @property
    def units(self) -> int:
        """Output positions."""
        return self.shape.positions

    @property
    def block(self) -> int:
        """Positions whose maps or windows stay near the core."""
        maps = self.bank.blocks * self.bank.filters
        columns = self.shape.in_channels * self.shape.kernel_area
        return block_of(self.units, max(maps, columns if self.uses_blas else 0))

    @property
    def output_dtype(self) -> np.dtype:
        """That of the sums, or float32 where they are scaled."""
        return self.dtype if self.scales is None else FLOAT

    @property
    def uses_blas(self) -> bool:
        """Whether the bank is one of products."""
        return isinstance(self.bank, ProductBank)

    def read(self, image: np.ndarray) -> Any:
        """As the bank reads it."""
        return self.bank.read(image)

    def run(self, inputs: Any, first: int, last: int, out: np.ndarray) -> None:
        """As `Kernel.run`."""
        blocks, filters, span = self.bank.blocks, self.bank.filters, last - first
        if self.mix is None and self.scales is None:
            self.bank.maps(inputs, first, last, out.reshape(blocks, filters, -1))
            return
        maps = np.empty((blocks, filters, span), self.dtype)
        self.bank.maps(inputs, first, last, maps, first)
        sums = maps.reshape(-1, span)
        if self.mix is not None:
            sums = np.empty((self.shape.out_channels, span), self.dtype)
            self.mix(maps, sums)
        scale_into(sums, self.scales, out[:, first:last])
