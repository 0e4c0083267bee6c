"""What expansions into torch are made of: a layer as tensors, and the phases of an execution.

The only module of the kernels that needs torch, besides the expansions themselves, which are imported where they are
counted (`costmodels.validation.expansions`).
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from torch.nn import functional

from costmodels.layout import Arrays
from costmodels.shapes import ConvShape

__all__ = ["Expansion", "Layer", "Phase", "Tensors", "added", "convolution", "pair_maps", "rows_output"]

Tensors = tuple[torch.Tensor, ...]


@dataclass(frozen=True)
class Phase:
    """A part of an execution.

    Args:
        run: from the tensors of the phase before it to those of the next one; the first gets the image (c, H, W), the
            last gives the output (n, H', W').
        weight_bits: of one operand of its accumulations and multiplications.
        value_bits: of the other one, and of both operands of its additions.
    """

    run: Callable[..., Tensors]
    weight_bits: int
    value_bits: int


@dataclass(frozen=True, eq=False)
class Expansion:
    """The phases of an execution, and the scales (n,) by which its output is requantized, if any."""

    phases: Sequence[Phase]
    requantization: torch.Tensor | None = None


@dataclass(frozen=True, eq=False)
class Layer:
    """A layer and its unpacked arrays.

    Args:
        shape: of the layer.
        scheme: of the layer.
        arrays: by name, as the scheme's layout has them.
        activation_bits: of a value of the image.
    """

    shape: ConvShape
    scheme: Any
    arrays: Arrays
    activation_bits: int

    def tensor(self, name: str, *sizes: int) -> torch.Tensor:
        """An array in float64, which holds every sum of the samples exactly."""
        tensor = torch.from_numpy(np.ascontiguousarray(self.arrays[name], np.float64))
        return tensor.reshape(sizes) if sizes else tensor

    @property
    def has_scales(self) -> bool:
        """Whether the layer stores scales."""
        return "scales" in self.arrays

    @property
    def scales(self) -> torch.Tensor:
        """The scales, where there are some."""
        return self.tensor("scales")

    def output_scales(self) -> torch.Tensor | None:
        """(n,), from one a filter or one for the layer; none where the layer stores none."""
        return self.scales.expand(self.shape.out_channels) if self.has_scales else None

    def pad(self, image: torch.Tensor) -> torch.Tensor:
        """The zeros put around the image, so that a text's odd element is at the end."""
        (top, bottom), (left, right) = self.shape.pads
        return functional.pad(image, (left, right, top, bottom))

    def convolve(self, padded: torch.Tensor, weights: torch.Tensor, groups: int = 1) -> torch.Tensor:
        """(n, H', W') of an image that is padded."""
        return functional.conv2d(padded[None], weights, None, self.shape.stride, 0, self.shape.dilation, groups)[0]

    def windows(self, padded: torch.Tensor) -> torch.Tensor:
        """(channels, d^2, P): for each element of a kernel the values that it meets."""
        shape = self.shape
        columns = functional.unfold(padded[None], shape.kernel, shape.dilation, 0, shape.stride)
        return columns.reshape(padded.shape[0], shape.kernel_area, -1)

    def group(self, channels: torch.Tensor, group: int) -> torch.Tensor:
        """The input channels of a group."""
        return channels[group * self.shape.group_inputs : (group + 1) * self.shape.group_inputs]

    def output(self, rows: Sequence[torch.Tensor]) -> torch.Tensor:
        """(n, H', W') of a row for each filter."""
        return torch.cat(list(rows)).reshape(-1, *self.shape.output_size)


def convolution(layer: Layer, weights: torch.Tensor, weight_bits: int) -> Expansion:
    """One convolution with whole filters; with padding as text, as torch takes it.

    Args:
        layer: its output is requantized by the scales that it stores.
        weights: (n, c/g, kh, kw).
        weight_bits: of a weight.
    """
    shape = layer.shape

    def run(image: torch.Tensor) -> Tensors:
        if isinstance(shape.padding, str):
            padding, groups = shape.padding, shape.groups
            output = functional.conv2d(image[None], weights, None, shape.stride, padding, shape.dilation, groups)
            return (output[0],)
        return (layer.convolve(layer.pad(image), weights, shape.groups),)

    return Expansion([Phase(run, weight_bits, layer.activation_bits)], layer.output_scales())


def product(row: Sequence[tuple[int, float]], values: torch.Tensor) -> torch.Tensor:
    """(1, columns): the sum of the rows of ``values`` at the places of a sparse row, under its numbers."""
    places = torch.tensor([place for place, _ in row], dtype=torch.int64)
    factors = torch.tensor([[number for _, number in row]], dtype=torch.float64)
    return factors @ values[places]


def rows_output(layer: Layer, rows: Sequence[Sequence[tuple[int, float]]], image: torch.Tensor) -> torch.Tensor:
    """(n, H', W'): for each filter a matrix product of its sparse row and the values of the windows."""
    shape = layer.shape
    columns = layer.windows(layer.pad(image)).reshape(shape.groups, -1, shape.positions)
    groups = [columns[i // shape.group_outputs] for i in range(shape.out_channels)]
    return layer.output([product(row, values) for row, values in zip(rows, groups, strict=True)])


def pair_maps(
    layer: Layer, image: torch.Tensor, pairs: Sequence[tuple[int, int, int]], bank: torch.Tensor
) -> torch.Tensor:
    """(pairs, H', W'): each segment convolved with the filters of its group that are used there."""
    size, padded, maps = layer.scheme.segment_channels, layer.pad(image), []
    for group, segment in sorted({pair[:2] for pair in pairs}):
        items = [item for *place, item in pairs if place == [group, segment]]
        channels = layer.group(padded, group)[segment * size : (segment + 1) * size]
        maps.append(layer.convolve(channels, bank[group][items]))
    return torch.cat(maps) if maps else image.new_zeros(0, *layer.shape.output_size)


def added(parts: Sequence[torch.Tensor]) -> torch.Tensor:
    """One elementwise addition for each part after the first."""
    total = parts[0]
    for part in parts[1:]:
        total = total + part
    return total
