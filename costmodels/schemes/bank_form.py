"""What the forms of a bank have in common: their parameters, and the filters that their kernels run.

The formulas of a bank are in `costmodels.schemes.bank`. Directly the layer's own filters are run, reconstructed from
the bank where that is not done once; shared maps are those of the bank over every segment, mixed afterwards.
"""

import abc
from collections.abc import Mapping
from dataclasses import dataclass
from typing import ClassVar

from costmodels.layout import Field, numbers
from costmodels.machine import FLOAT, KernelPath
from costmodels.machine.filters import Bank, bank_blocks, bank_work
from costmodels.schemes.bank import segments
from costmodels.schemes.base import DIRECT, FLOAT_BITS, SHARED_MAPS, LayerUsage, Scheme
from costmodels.shapes import ConvShape

__all__ = ["BankForm"]


@dataclass(frozen=True)
class BankForm(Scheme, abc.ABC):
    """A bank of k filters of s channels for each group, and a mixing.

    Args:
        segment_channels: s, a divisor of the channels of a group.
        filters: k (or m), of each group.
    """

    segment_channels: int
    filters: int
    method_names: ClassVar[tuple[str, ...]] = (DIRECT, SHARED_MAPS)

    def check(self, shape: ConvShape) -> None:
        """Segments divide the channels of a group."""
        self._require_segments(shape, self.segment_channels)

    def _bank_field(self, name: str, shape: ConvShape) -> Field:
        """The bank, (g, k, s, kh, kw)."""
        sizes = shape.groups, self.filters, self.segment_channels, *shape.kernel
        return Field(name, "basis", sizes, numbers(self.filter_bits))

    def work(self, shape: ConvShape, path: KernelPath, activation_bits: int, used: LayerUsage) -> dict[str, float]:
        """The whole bank over every segment and a mixing, or the layer's own filters."""
        bank = Bank.of_outputs(shape)
        if path.execution == SHARED_MAPS:
            bank = Bank(shape.in_channels // self.segment_channels, self.filters, self.segment_channels)
        blocks, weights = bank_blocks(shape, bank, path), self._weights_work(shape, path, used)
        amounts = bank_work(shape, bank, blocks, path, activation_bits, self.filter_bits, weights)
        if path.execution == SHARED_MAPS:
            amounts |= self._mixing_work(shape, path, blocks, used)
        return amounts

    def _weights_work(self, shape: ConvShape, path: KernelPath, used: LayerUsage) -> Mapping[str, float]:
        """Making the filters of a product from their streams or codes, once for each image."""
        stored = shape.groups * self.filters * self.segment_channels * shape.kernel_area
        if path.arithmetic != FLOAT:
            return {"reconstructed": path.product_words * stored}
        decoded = {"decoded": 0 if self.filter_bits == FLOAT_BITS else stored}
        return decoded if path.execution == SHARED_MAPS else decoded | self._rebuilding_work(shape, used)

    @abc.abstractmethod
    def _rebuilding_work(self, shape: ConvShape, used: LayerUsage) -> dict[str, float]:
        """Making the layer's own filters from the bank."""

    @abc.abstractmethod
    def _mixing_work(self, shape: ConvShape, path: KernelPath, blocks: list[int], used: LayerUsage) -> dict[str, float]:
        """Mixing the maps."""

    def _slots(self, shape: ConvShape) -> tuple[int, int]:
        """(n, S): the filters of the layer, and the segments of each."""
        return shape.out_channels, int(segments(shape, self.segment_channels))
