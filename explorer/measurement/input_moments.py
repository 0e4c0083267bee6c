"""Second moments A = E x x^T of a layer's input patches x, and what they make of errors of its weights.

The error that compressed weights make in a layer's output is x^T d for an input patch x and an error d of a filter: its
mean square over patches is d^T A d.

Legend: n output channels, c input channels, g groups, kh x kw kernel, D = c/g*kh*kw values of a patch; N images.
"""

from typing import NamedTuple

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional

from costmodels.shapes import ConvShape
from explorer.measurement.layer_calls import LayerCall

__all__ = ["MOST_FULL", "InputSums", "input_moment", "input_sums", "patches_of", "spread_rows"]

MOST_FULL = 4096
"""Layers with more weights a filter keep the diagonal of A alone."""


class InputSums(NamedTuple):
    """Sums over input patches, in float64.

    Args:
        squares: of x x^T, as `input_moment`.
        values: of x, (g, D).
        patches: how many.
    """

    squares: Tensor
    values: Tensor
    patches: int

    def plus(self, other: "InputSums") -> "InputSums":
        """The sums over the patches of both."""
        squares, values = self.squares + other.squares, self.values + other.values
        return InputSums(squares, values, self.patches + other.patches)


def input_sums(call: LayerCall) -> InputSums:
    """The sums over the input patches of a call of a layer; zeros that it pads with are part of them."""
    patches = patches_of(call)
    return InputSums(_squares(patches), patches.sum(dim=(0, 3), dtype=torch.float64), len(patches) * patches.shape[3])


def input_moment(call: LayerCall) -> Tensor:
    """The sum of x x^T over the input patches of a call of a layer, in float64.

    Returns:
        Shape (g, D, D), or the diagonal (g, D) where D is above `MOST_FULL`.
    """
    return _squares(patches_of(call))


def _squares(patches: Tensor) -> Tensor:
    if patches.shape[2] > MOST_FULL:
        return patches.square().sum(dim=(0, 3)).double()
    return torch.einsum("ngip,ngjp->gij", patches, patches).double()


def spread_rows(moment: np.ndarray, values: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Values as rows V, and V A; tr(V A V^T) is the sum of their products, value by value.

    Args:
        moment: A by group, (g, D, D), or its diagonal (g, D).
        values: (n, c/g, kh, kw), weights or errors of them.

    Returns:
        V and V A by group, shape (g, n/g, D) each.
    """
    rows = values.reshape(len(moment), len(values) // len(moment), -1)
    return rows, rows @ moment if moment.ndim == 3 else rows * moment[:, None, :]


def patches_of(call: LayerCall, images: slice = slice(None)) -> Tensor:
    """Input patches of a call, shape (N, g, D, places); those of a linear layer are (places, 1, D, 1).

    Args:
        call: of a layer.
        images: which of its inputs.
    """
    shape, values = call.shape, call.inputs[images]
    return values.reshape(-1, 1, shape.in_channels, 1) if call.is_linear else _patches(shape, values)


def _patches(shape: ConvShape, values: Tensor) -> Tensor:
    """Input patches of a convolution, shape (N, g, D, places)."""
    images = values if values.dim() == 4 else values[:, :, None, :]
    (top, bottom), (left, right) = shape.pads
    padded = functional.pad(images, (left, right, top, bottom))
    if shape.kernel_area == 1:
        vertical, horizontal = shape.stride
        return padded[:, :, ::vertical, ::horizontal].reshape(len(images), shape.groups, shape.group_inputs, -1)
    columns = functional.unfold(padded, shape.kernel, dilation=shape.dilation, stride=shape.stride)
    return columns.reshape(len(columns), shape.groups, -1, columns.shape[2])
