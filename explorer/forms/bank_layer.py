"""Layers of one structure: a bank of low-dimensional filters shared by all filters of a group, and a mixing of its
maps (`costmodels.schemes.bank`).

W_i = concat over segments j of sum_l A_ijl * B_l, computed with reconstructed filters or as split-transform-merge: the
input split into segments, each convolved with the whole bank, the maps mixed by a 1x1 convolution. The two are equal
since convolution is linear in its weights.
"""

import abc
from typing import ClassVar

from torch import Tensor
from torch.nn import functional

from costmodels.cost import DIRECT, SHARED_MAPS
from explorer.forms.compressed_layer import CompressedLayer

__all__ = ["BankLayer"]


class BankLayer(CompressedLayer):
    """A layer of a bank and its mixing; the gradients of both follow from either execution.

    dL/dB_l = sum_ij A_ijl * dL/dW_ij and dL/dA_ijl = <dL/dW_ij, B_l>, for dL/dW_ij of segment j of filter i.
    """

    executions: ClassVar[tuple[str, ...]] = (DIRECT, SHARED_MAPS)

    @abc.abstractmethod
    def bank(self) -> Tensor:
        """B: (g, k, s, kh, kw), in the units in which it is convolved."""

    @abc.abstractmethod
    def mixing(self) -> Tensor:
        """A: (g, M, k); row i*S + j is segment j of the group's filter i."""

    def weight(self) -> Tensor:
        """sum_l A_ijl * B_l, segment by segment."""
        return (self.mixing() @ self.bank().flatten(2)).reshape(self.shape.weight_shape)

    def _run_shared(self, images: Tensor, execution: str) -> Tensor:
        return self.split_transform_merge(images)

    def split_transform_merge(self, images: Tensor) -> Tensor:
        """Every segment convolved with every filter of the bank, then a 1x1 convolution under A."""
        bank = self.bank()
        groups, filters, segment_channels = bank.shape[:3]
        segments = self.shape.group_inputs // segment_channels
        kernels = bank[:, None].expand(-1, segments, *bank.shape[1:]).flatten(0, 2)
        maps = self._convolve(images, kernels, groups * segments)
        mixing = self.mixing().reshape(self.shape.out_channels, segments * filters, 1, 1)
        return functional.conv2d(maps, mixing, groups=groups)
