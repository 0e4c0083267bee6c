"""Second moments A = E x x^T of a layer's input patches x, and what they make of errors of its weights.

The error that compressed weights make in a layer's output is x^T d for an input patch x and an error d of a filter: its
mean square over patches is d^T A d.

Legend: n output channels, c input channels, g groups, kh x kw kernel, D = c/g*kh*kw values of a patch; N images.
"""

import math
from typing import NamedTuple

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional

from costmodels.shapes import ConvShape
from explorer.measurement.layer_calls import LayerCall

__all__ = ["MOST_FULL", "InputSums", "input_moment", "input_sums", "patches_of", "spread_rows", "step_between"]

MOST_FULL = 4096
"""Layers with more weights a filter keep the diagonal of A alone."""

MOST_VALUES = 1 << 28
"""Values of all patches of a layer that are looked at; of more, patches are taken a few rows and columns apart. A layer
of 64 channels and 3x3 kernels has that many on 466,000 patches, 800 times as many as a patch has values."""


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


def input_sums(call: LayerCall, step: int = 1) -> InputSums:
    """The sums over the input patches of a call of a layer; zeros that it pads with are part of them.

    Args:
        call: of the layer.
        step: between the places whose patches are taken, see `step_between`.
    """
    patches = patches_of(call, step=step)
    return InputSums(_squares(patches), patches.sum(dim=(0, 3), dtype=torch.float64), len(patches) * patches.shape[3])


def input_moment(call: LayerCall) -> Tensor:
    """The sum of x x^T over the input patches of a call of a layer, in float64.

    Returns:
        Shape (g, D, D), or the diagonal (g, D) where D is above `MOST_FULL`.
    """
    return _squares(patches_of(call))


def step_between(shape: ConvShape, images: int, most: int = MOST_VALUES) -> int:
    """How many rows and columns lie between the patches of a layer that are taken, so that those of all images have at
    most so many values; never so many that fewer patches are left than ten times the values of one. 1 of a transposed
    convolution, whose zeros lie in steps too.

    >>> shape = ConvShape(64, 64, (3, 3), (56, 56), padding=(1, 1))
    >>> step_between(shape, 100), step_between(shape, 1024)  # 1024 * 56 * 56 * 576 values are 6.9 times 2^28
    (1, 3)
    """
    if shape.input_values is not None:
        return 1
    own = shape.group_inputs * shape.kernel_area
    places = images * math.prod(shape.output_size)
    needed = math.sqrt(places * own * shape.groups / most)
    spare = math.sqrt(places / (10 * own))
    return max(1, math.ceil(min(needed, math.floor(spare))))


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


def patches_of(call: LayerCall, images: slice = slice(None), step: int = 1) -> Tensor:
    """Input patches of a call, shape (N, g, D, places); those of a linear layer are (places, 1, D, 1).

    Args:
        call: of a layer.
        images: which of its inputs.
        step: between the places whose patches are taken, see `step_between`.
    """
    shape, values = call.shape, call.inputs[images]
    return values.reshape(-1, 1, shape.in_channels, 1) if call.is_linear else _patches(shape, values, step)


def _patches(shape: ConvShape, values: Tensor, step: int) -> Tensor:
    """Input patches of a convolution, shape (N, g, D, places), those of every so many rows and columns."""
    images = values if values.dim() == 4 else values[:, :, None, :]
    (top, bottom), (left, right) = shape.pads
    padded = functional.pad(images, (left, right, top, bottom))
    stride = shape.stride[0] * step, shape.stride[1] * step
    if shape.kernel_area == 1:
        vertical, horizontal = stride
        return padded[:, :, ::vertical, ::horizontal].reshape(len(images), shape.groups, shape.group_inputs, -1)
    columns = functional.unfold(padded, shape.kernel, dilation=shape.dilation, stride=stride)
    return columns.reshape(len(columns), shape.groups, -1, columns.shape[2])
