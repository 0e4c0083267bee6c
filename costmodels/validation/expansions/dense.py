"""Dense and pruned weights."""

import torch
from torch.nn import functional

from costmodels.kernels.naive.sparse import sparse_rows
from costmodels.validation.counters import Tensors
from costmodels.validation.expansions.base import Expansion, Layer, Phase, product

__all__ = ["direct", "pruned"]


def direct(layer: Layer) -> Expansion:
    """One convolution; with padding as text, as torch takes it."""
    shape, weights = layer.shape, layer.tensor("weights")

    def run(image: torch.Tensor) -> Tensors:
        if isinstance(shape.padding, str):
            padding, groups = shape.padding, shape.groups
            output = functional.conv2d(image[None], weights, None, shape.stride, padding, shape.dilation, groups)
            return (output[0],)
        return (layer.convolve(layer.pad(image), weights, shape.groups),)

    return Expansion([Phase(run, layer.scheme.weight_bits, layer.activation_bits)], _per_filter(layer))


def pruned(layer: Layer) -> Expansion:
    """For each filter a matrix product of the weights kept and the values that they meet."""
    shape, rows = layer.shape, sparse_rows(layer.arrays, "weights")

    def run(image: torch.Tensor) -> Tensors:
        columns = layer.windows(layer.pad(image)).reshape(shape.groups, -1, shape.positions)
        groups = [columns[i // shape.group_outputs] for i in range(shape.out_channels)]
        return (layer.output([product(row, values) for row, values in zip(rows, groups, strict=True)]),)

    return Expansion([Phase(run, layer.scheme.weight_bits, layer.activation_bits)], _per_filter(layer))


def _per_filter(layer: Layer) -> torch.Tensor | None:
    """The scales of a dense or pruned layer, one a filter."""
    return layer.scales.expand(layer.shape.out_channels) if layer.has_scales else None
