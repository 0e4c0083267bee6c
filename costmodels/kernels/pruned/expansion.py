"""Pruned weights in torch."""

import torch

from costmodels.kernels.loops.sparse_rows import sparse_rows
from costmodels.kernels.phases import Expansion, Layer, Phase, Tensors, product

__all__ = ["direct"]


def direct(layer: Layer) -> Expansion:
    """For each filter a matrix product of the weights kept and the values that they meet."""
    shape, rows = layer.shape, sparse_rows(layer.arrays, "weights")

    def run(image: torch.Tensor) -> Tensors:
        columns = layer.windows(layer.pad(image)).reshape(shape.groups, -1, shape.positions)
        groups = [columns[i // shape.group_outputs] for i in range(shape.out_channels)]
        return (layer.output([product(row, values) for row, values in zip(rows, groups, strict=True)]),)

    return Expansion([Phase(run, layer.scheme.weight_bits, layer.activation_bits)], layer.output_scales())
